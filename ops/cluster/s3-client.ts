import { AwsClient } from 'aws4fetch'
import type { ClusterSecrets } from './secrets.ts'
import { S3_REGION } from './settings.ts'

/** Signs requests with the cluster's one key. Tries once: who calls knows whether to ask again. */
export function s3Client(secrets: ClusterSecrets): AwsClient {
  return new AwsClient({
    accessKeyId: secrets.S3_ACCESS_KEY_ID,
    secretAccessKey: secrets.S3_SECRET_ACCESS_KEY,
    region: S3_REGION,
    service: 's3',
    retries: 0,
  })
}
