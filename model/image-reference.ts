// How container images are named in manifests: by their digest, since a tag may stand for another image tomorrow.
// Pure.

/** `name@sha256:…`, or the id of an image of this machine, `sha256:…`. */
export const IMAGE_BY_DIGEST = /^(?:[a-z0-9][A-Za-z0-9._:/-]*@)?sha256:[0-9a-f]{64}$/;
