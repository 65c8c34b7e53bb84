// Loaded before the dynamic providers' host: an engine that is killed before it first uses a provider would leave the
// host behind for ever. Ends this process with its engine; the SDK loads less.
import { endWithEngine } from "../end-with-engine.ts";
import "./load-when-used.ts";

endWithEngine();
