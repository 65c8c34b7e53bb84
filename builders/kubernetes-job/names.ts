// Names of the objects of a builder's Job. Pure.

export const jobObjectNames = (job: string) => ({
  input: `${job}-input`,
  grant: `${job}-grant`,
  /** ServiceAccount, Role and RoleBinding of the upload. */
  upload: `${job}-upload`,
  network: job,
  source: (index: number) => `${job}-source-${index}`,
  output: (index: number) => `${job}-output-${index}`,
});

export type JobObjectNames = ReturnType<typeof jobObjectNames>;

/** One build, one name, whoever asks for it. */
export function firmwareJobName(contentHash: string): string {
  return `firmware-${contentHash.slice(0, 24)}`;
}
