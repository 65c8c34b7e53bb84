// A process that runs one builder as a Job, to be killed: `node run-one-job.ts KUBECONFIG NAMESPACE IMAGE`.
import { KubernetesJobExecutor } from "../../../../builders/kubernetes-job/executor.ts";
import { TurnQueue } from "../../../../builders/turn-queue.ts";
import { WorkFolder } from "../../../../builders/work-folder.ts";
import { connect } from "../../../../kubernetes/api.ts";

const [kubeconfig = "", namespace = "", image = ""] = process.argv.slice(2);
const executor = new KubernetesJobExecutor({
  ...{ api: await connect({ kubeconfig }), namespace, stepsImage: image, queue: new TurnQueue(1) },
  hostNetwork: { apiHost: "127.0.0.1", apiPort: "443" },
});
const work = await WorkFolder.create({ args: {}, classFacts: {}, secrets: { token: "hunter2-hunter2" } });
await executor.run(
  {
    ...{
      name: "builder",
      command: ["/bin/sh"],
      environment: {},
      timeLimit: 60_000,
      masked: ["hunter2-hunter2"],
    },
    ...{ work, container: { image } },
  },
  {},
);
