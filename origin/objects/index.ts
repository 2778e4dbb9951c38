export type { S3ObjectsOptions } from './connection.ts'
export { ObjectStoreError } from './errors.ts'
export { s3Objects } from './s3.ts'
export * from './store.ts'
