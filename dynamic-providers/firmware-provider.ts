export const firmwareProvider = {} as never;
