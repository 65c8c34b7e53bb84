// What pulumi loads for `--policy-pack`. Plain JavaScript: its runner would have an old ts-node read a .ts file here.
import "edgeflock/policy-pack";
