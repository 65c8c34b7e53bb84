// What the stored `__provider` texts name: `edgeflock/dynamic-providers`. Paths and names here are permanent.
import { brokerProvider } from "./broker-provider.ts";
import { credentialsProvider } from "./credentials-provider.ts";
import { deviceProvider } from "./device-provider.ts";
import { firmwareProvider } from "./firmware-provider.ts";
import { forPeople } from "./provider.ts";
import { storeUsersProvider } from "./store-users-provider.ts";
import { telemetryProvider } from "./telemetry-provider.ts";

export const broker = forPeople(brokerProvider);
export const credentials = forPeople(credentialsProvider);
export const device = forPeople(deviceProvider);
export const firmware = forPeople(firmwareProvider);
export const storeUsers = forPeople(storeUsersProvider);
export const telemetry = forPeople(telemetryProvider);
