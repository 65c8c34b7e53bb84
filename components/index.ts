// The TypeScript API: `import { DevicesCluster, DeviceClass, DeviceGroup, Device } from "edgeflock"`.
export { CustomResources, type CustomResourcesArgs } from "./custom-resources.ts";
export { Device, type DeviceArgs } from "./device.ts";
export { DeviceClass, type DeviceClassArgs } from "./device-class.ts";
export { DeviceGroup, type DeviceGroupArgs } from "./device-group.ts";
export { DevicesCluster, type DevicesClusterArgs } from "./devices-cluster.ts";
export { declareFleet, type Fleet, type FleetOptions } from "./fleet.ts";
export { FleetAccess, type FleetAccessArgs } from "./fleet-access.ts";
export { rootKey } from "./root-key.ts";
