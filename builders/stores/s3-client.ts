// The few requests to an S3 server that a store makes, by AWS's own client, and what they fail with said for people.
// Talks to the server.
import type { S3Client as AwsClient, S3ClientConfig } from "@aws-sdk/client-s3";
import { VisibleError } from "../../model/visible-error.ts";

export interface S3Bucket {
  bucket: string;
  region: string;
  /** URL of a server that is not AWS's; requests then name the bucket in their path. */
  endpoint?: string;
  /** Default: those that AWS's tools would use (environment, ~/.aws, the machine's role). */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

export class S3Client {
  readonly #bucket: S3Bucket;
  #connected: Promise<{ aws: AwsClient; sdk: typeof import("@aws-sdk/client-s3") }> | undefined;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  /** Atomic: readers see the old object or the whole new one. */
  async put(key: string, body: Uint8Array | string): Promise<void> {
    await this.#ask(`write ${key}`, ({ aws, sdk }) =>
      aws.send(new sdk.PutObjectCommand({ Bucket: this.#bucket.bucket, Key: key, Body: body })),
    );
  }

  /** A URL by which whoever has it may write this one object, for so many seconds. Asks nobody. */
  async presignPut(key: string, seconds: number): Promise<string> {
    return await this.#ask(`let somebody write ${key}`, async ({ aws, sdk }) => {
      const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
      const command = new sdk.PutObjectCommand({ Bucket: this.#bucket.bucket, Key: key });
      return await getSignedUrl(aws, command, { expiresIn: seconds });
    });
  }

  /** @returns undefined where there is no such object */
  async get(key: string): Promise<Uint8Array | undefined> {
    return await this.#ask(`read ${key}`, async ({ aws, sdk }) => {
      try {
        const command = new sdk.GetObjectCommand({ Bucket: this.#bucket.bucket, Key: key });
        return await (await aws.send(command)).Body?.transformToByteArray();
      } catch (error) {
        if (nameOf(error) === "NoSuchKey") return undefined;
        throw error;
      }
    });
  }

  async list(prefix: string): Promise<string[]> {
    return await this.#ask(`list ${prefix}`, async ({ aws, sdk }) => {
      const keys: string[] = [];
      const pages = sdk.paginateListObjectsV2(
        { client: aws },
        { Bucket: this.#bucket.bucket, Prefix: prefix },
      );
      for await (const { Contents = [] } of pages) {
        keys.push(...Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key])));
      }
      return keys;
    });
  }

  /** What is not there counts as deleted. */
  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.#ask(`delete ${key}`, ({ aws, sdk }) =>
        aws.send(new sdk.DeleteObjectCommand({ Bucket: this.#bucket.bucket, Key: key })),
      );
    }
  }

  async #ask<T>(
    what: string,
    request: (connected: { aws: AwsClient; sdk: typeof import("@aws-sdk/client-s3") }) => Promise<T>,
  ): Promise<T> {
    this.#connected ??= connect(this.#bucket);
    try {
      return await request(await this.#connected);
    } catch (error) {
      throw explained(error, what, this.#bucket);
    }
  }
}

/** The client is loaded when it is needed: it is large. */
async function connect({ region, endpoint, credentials }: S3Bucket) {
  const sdk = await import("@aws-sdk/client-s3");
  const config: S3ClientConfig = {
    region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials && { credentials }),
    // Many servers don't know AWS's newer checksums; an artefact is verified by its digest.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
  return { aws: new sdk.S3Client(config), sdk };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

function explained(error: unknown, what: string, { bucket, endpoint }: S3Bucket): unknown {
  if (!(error instanceof Error) || error instanceof VisibleError) return error;
  const where = `the bucket ${bucket} at ${endpoint ?? "AWS"}`;
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  const { code } = error as { code?: string };
  const failed = (why: string, hint: string) =>
    new VisibleError(`cannot ${what} in ${where}: ${why}`, { hint, cause: error });
  if (error.name === "NoSuchBucket")
    return failed("there is no such bucket", "create it, or correct spec.artifacts");
  if (error.name === "CredentialsProviderError")
    return failed(
      "no credentials were found",
      "give spec.artifacts.credentials, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  if (["InvalidAccessKeyId", "SignatureDoesNotMatch"].includes(error.name))
    return failed(
      `the server does not accept the credentials (${error.name})`,
      "check spec.artifacts.credentials, and this machine's clock",
    );
  if (status === 403)
    return failed(
      `access is denied (${error.name})`,
      "the credentials need GetObject, PutObject, DeleteObject and ListBucket there",
    );
  if (
    code !== undefined &&
    /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)
  )
    return failed(
      `it cannot be reached (${code})`,
      "check the endpoint, the network, and NODE_EXTRA_CA_CERTS",
    );
  return failed(`${error.name}: ${error.message}`, "the server's log says more");
}
