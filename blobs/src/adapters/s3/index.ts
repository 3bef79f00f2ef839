export { openS3BlobStore, type OpenS3BlobStore } from './open-s3-blob-store.js'
export type { S3Place } from './s3-place.js'
