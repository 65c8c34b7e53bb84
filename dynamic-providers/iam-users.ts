// Users of an S3 server by the API that AWS has for them, and others have too (IAM): makes one what it should be, says
// what somebody changed, takes it away. Calls the server.
// https://docs.aws.amazon.com/IAM/latest/APIReference/
import type { IAMClient, Tag } from "@aws-sdk/client-iam";
import { VisibleError } from "../model/visible-error.ts";

export interface IamPlace {
  /** Default AWS's. */
  url?: string | undefined;
  region: string;
  /** Default: what AWS's own tools would use here. */
  admin?: AccessKey | undefined;
}

export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface WantedIamUser {
  name: string;
  /** JSON. */
  policy: string;
}

type Sdk = typeof import("@aws-sdk/client-iam");

const POLICY = "edgeflock";
/** Tag of a user: whose it is, as the annotation of an object in Kubernetes. */
const OWNER = "edgeflock:owner";

export class IamUsers {
  readonly #sdk: Sdk;
  readonly #client: IAMClient;
  readonly #where: string;

  private constructor(sdk: Sdk, place: IamPlace) {
    this.#sdk = sdk;
    this.#where = place.url ?? "AWS";
    this.#client = new sdk.IAMClient({
      region: place.region,
      ...(place.url !== undefined && { endpoint: place.url }),
      ...(place.admin && { credentials: place.admin }),
    });
  }

  /** The client is loaded when it is needed: it is large. */
  static async open(place: IamPlace): Promise<IamUsers> {
    return new IamUsers(await import("@aws-sdk/client-iam"), place);
  }

  /**
   * Makes the user with this policy and no other.
   *
   * @param owners tokens of the owner, the present one first
   * @throws VisibleError for a user of that name who is somebody else's
   */
  async apply({ name, policy }: WantedIamUser, owners: readonly [string, ...string[]]): Promise<void> {
    const UserName = name;
    const tag: Tag = { Key: OWNER, Value: owners[0] };
    const owner = await this.#ownerOf(name);
    if (owner === undefined) {
      await this.#ask("CreateUser", () =>
        this.#client.send(new this.#sdk.CreateUserCommand({ UserName, Tags: [tag] })),
      );
    } else if (!owners.includes(owner)) {
      throw this.#foreign(name, owner);
    } else if (owner !== owners[0]) {
      await this.#ask("TagUser", () =>
        this.#client.send(new this.#sdk.TagUserCommand({ UserName, Tags: [tag] })),
      );
    }
    await this.#ask("PutUserPolicy", () =>
      this.#client.send(
        new this.#sdk.PutUserPolicyCommand({ UserName, PolicyName: POLICY, PolicyDocument: policy }),
      ),
    );
    await this.#deletePolicies(name, (each) => each !== POLICY);
  }

  /** A new key for the user; those that it had end. */
  async renewKey(name: string): Promise<AccessKey> {
    await this.#deleteKeys(name);
    const command = new this.#sdk.CreateAccessKeyCommand({ UserName: name });
    const { AccessKey: made } = await this.#ask("CreateAccessKey", () => this.#client.send(command));
    return { accessKeyId: made!.AccessKeyId!, secretAccessKey: made!.SecretAccessKey! };
  }

  /** What somebody changed since, or undefined. */
  async drift({ name, policy }: WantedIamUser, owner: string, keyId: string): Promise<string | undefined> {
    const found = await this.#ownerOf(name);
    if (found === undefined) return `${name}: deleted`;
    if (found !== owner) return `${name}: is somebody else's`;
    const policies = await this.#policies(name);
    if (policies.join() !== POLICY || !sameDocument(await this.#document(name), policy))
      return `${name}: other rights`;
    const keys = await this.#keys(name);
    const usable = keys.length === 1 && keys[0]!.AccessKeyId === keyId && keys[0]!.Status === "Active";
    return usable ? undefined : `${name}: other keys`;
  }

  /** A user that is gone, or somebody else's, is left alone. */
  async remove(name: string, owner: string): Promise<void> {
    if ((await this.#ownerOf(name)) !== owner) return;
    await this.#deleteKeys(name);
    await this.#deletePolicies(name, () => true);
    await this.#ask("DeleteUser", () =>
      this.#client.send(new this.#sdk.DeleteUserCommand({ UserName: name })),
    );
  }

  close(): void {
    this.#client.destroy();
  }

  /** Undefined where there is no such user; empty for one that is not Edgeflock's. */
  async #ownerOf(name: string): Promise<string | undefined> {
    const command = new this.#sdk.ListUserTagsCommand({ UserName: name });
    const tags = await this.#ask("ListUserTags", () => orUndefined(this.#client.send(command)));
    return tags && (tags.Tags?.find(({ Key }) => Key === OWNER)?.Value ?? "");
  }

  async #policies(name: string): Promise<string[]> {
    const command = new this.#sdk.ListUserPoliciesCommand({ UserName: name });
    const { PolicyNames = [] } = await this.#ask("ListUserPolicies", () => this.#client.send(command));
    return PolicyNames;
  }

  async #document(name: string): Promise<string> {
    const command = new this.#sdk.GetUserPolicyCommand({ UserName: name, PolicyName: POLICY });
    const { PolicyDocument = "" } = await this.#ask("GetUserPolicy", () => this.#client.send(command));
    return decodeURIComponent(PolicyDocument);
  }

  async #deletePolicies(name: string, which: (policy: string) => boolean): Promise<void> {
    for (const PolicyName of (await this.#policies(name)).filter(which)) {
      const command = new this.#sdk.DeleteUserPolicyCommand({ UserName: name, PolicyName });
      await this.#ask("DeleteUserPolicy", () => this.#client.send(command));
    }
  }

  async #keys(name: string) {
    const command = new this.#sdk.ListAccessKeysCommand({ UserName: name });
    const { AccessKeyMetadata = [] } = await this.#ask("ListAccessKeys", () => this.#client.send(command));
    return AccessKeyMetadata;
  }

  async #deleteKeys(name: string): Promise<void> {
    for (const { AccessKeyId } of await this.#keys(name)) {
      const command = new this.#sdk.DeleteAccessKeyCommand({ UserName: name, AccessKeyId });
      await this.#ask("DeleteAccessKey", () => this.#client.send(command));
    }
  }

  /** @throws VisibleError; one with a cause where it is open whether the server did it */
  async #ask<T>(action: string, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      const { code = error.name } = error as { code?: string };
      const refused = status !== undefined && status < 500;
      const message = `The users of the object store at ${this.#where}: ${action} failed (${code}): ${firstLine(error)}`;
      const hint =
        status === 403
          ? "Check spec.artifacts.iam.admin: it has to manage users, their policies and their access keys."
          : "Check spec.artifacts.iam and the network; run it again: it goes on where it stopped.";
      throw new VisibleError(message, refused ? { hint } : { hint, cause: error });
    }
  }

  #foreign(name: string, owner: string): VisibleError {
    const whose = owner === "" ? "was not made by Edgeflock" : `belongs to ${owner}`;
    return new VisibleError(`The object store at ${this.#where} has a user ${name}, who ${whose}.`, {
      hint: "Delete that user there, or take credentials of your own (spec.artifacts.credentials). Nothing was changed.",
    });
  }
}

async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && /^NoSuchEntity/.test(error.name)) return undefined;
    throw error;
  }
}

function sameDocument(one: string, other: string): boolean {
  try {
    return JSON.stringify(JSON.parse(one)) === JSON.stringify(JSON.parse(other));
  } catch {
    return false;
  }
}

function firstLine(error: Error): string {
  const [line = ""] = error.message.split("\n");
  return line.slice(0, 300);
}
