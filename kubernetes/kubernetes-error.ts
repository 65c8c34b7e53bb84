// What the API server refused, with enough to tell the user which right, quota or object it was about.

/** A `Status` object that the API server answered with. */
export class KubernetesError extends Error {
  /** HTTP status code. */
  readonly status: number;
  /** Kubernetes' reason: NotFound, AlreadyExists, Conflict, Forbidden, Invalid, … */
  readonly reason: string;
  /** The `details` of the Status: causes, name, kind. */
  readonly details: StatusDetails | undefined;

  constructor(status: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.name = "KubernetesError";
    this.status = status;
    this.reason = reason;
    this.details = details;
  }
}

export interface StatusDetails {
  name?: string;
  kind?: string;
  group?: string;
  causes?: { reason?: string; message?: string; field?: string }[];
  retryAfterSeconds?: number;
}

/** Builds the error for a refused request from the server's answer, which need not be JSON. */
export function errorFromResponse(status: number, body: string): KubernetesError {
  try {
    const parsed = JSON.parse(body) as { reason?: string; message?: string; details?: StatusDetails };
    return new KubernetesError(
      status,
      parsed.reason ?? "Unknown",
      parsed.message ?? body.slice(0, 500),
      parsed.details,
    );
  } catch {
    return new KubernetesError(status, "Unknown", `HTTP ${status}: ${body.slice(0, 500).trim()}`);
  }
}
