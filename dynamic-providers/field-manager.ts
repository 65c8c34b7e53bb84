// The field manager under which our providers write. Touches nothing.

/** Server-side apply takes names of at most 128 characters. */
const MAX_LENGTH = 128;

/** One a stack, so that two stacks that write one object at once meet as a conflict and not as each other's heirs. */
export function fieldManager(owner: string): string {
  const [project, stack] = owner.split("/");
  return `edgeflock/${project}/${stack}`.slice(0, MAX_LENGTH);
}
