import {
  createBucket,
  deleteObjects,
  getBucketLocation,
  headBucket,
  listBuckets,
  listObjects,
} from './bucket-operations.ts'
import type { Operation } from './call.ts'
import { S3Error } from './errors.ts'
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  uploadPart,
} from './multipart-operations.ts'
import { copyObject, deleteObject, getObject, putObject } from './object-operations.ts'
import { headerValue, queryValue, type S3Request } from './request.ts'

/**
 * Parts of S3 that are not here. They are named because each turns a request into another one: ignored,
 * `PUT key?tagging` would overwrite the object with its tags.
 */
const MISSING = new Set(
  `accelerate acl analytics attributes cors encryption intelligent-tiering inventory legal-hold lifecycle logging
   metrics notification object-lock ownershipControls partNumber policy policyStatus publicAccessBlock replication
   requestPayment restore retention select tagging torrent versionId versioning versions website`.split(/\s+/),
)

/** @throws S3Error NotImplemented, MethodNotAllowed */
export function findOperation(request: S3Request): Operation {
  const { method } = request
  const has = (name: string): boolean => queryValue(request, name) !== undefined
  const missing = request.query.find(([name]) => MISSING.has(name) && !(name === 'partNumber' && method === 'PUT'))
  if (missing) throw new S3Error('NotImplemented', `The subresource ${missing[0]} is not implemented.`)
  const operation =
    request.bucket === ''
      ? serviceOperation(method)
      : request.key === ''
        ? bucketOperation(method, has)
        : objectOperation(request, has)
  if (!operation) throw new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.')
  return operation
}

function serviceOperation(method: string): Operation | undefined {
  return method === 'GET' ? listBuckets : undefined
}

function bucketOperation(method: string, has: (name: string) => boolean): Operation | undefined {
  if (method === 'HEAD') return headBucket
  if (method === 'PUT') return createBucket
  if (method === 'POST' && has('delete')) return deleteObjects
  if (method !== 'GET') return undefined
  if (has('uploads')) return listMultipartUploads
  return has('location') ? getBucketLocation : listObjects
}

function objectOperation(request: S3Request, has: (name: string) => boolean): Operation | undefined {
  const isCopy = headerValue(request, 'x-amz-copy-source') !== undefined
  switch (request.method) {
    case 'GET':
      return has('uploadId') ? listParts : getObject
    case 'HEAD':
      return getObject
    case 'PUT':
      if (has('uploadId') && isCopy) throw new S3Error('NotImplemented', 'UploadPartCopy is not implemented.')
      if (has('uploadId')) return uploadPart
      return isCopy ? copyObject : putObject
    case 'POST':
      if (has('uploads')) return createMultipartUpload
      return has('uploadId') ? completeMultipartUpload : undefined
    case 'DELETE':
      return has('uploadId') ? abortMultipartUpload : deleteObject
    default:
      return undefined
  }
}
