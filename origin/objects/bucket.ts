/** Brings a bucket to what Tideline asks of it, at the origin's start. Looks first; may run in several processes at once. */
import { createHash, randomUUID } from 'node:crypto'
import {
  type BucketRules,
  corsRule,
  lifecycleRules,
  type Rule,
  withoutOurs,
  withoutPublicRead,
  withRules,
} from './bucket-rules.ts'
import { type Connection, connect, type S3ObjectsOptions } from './connection.ts'
import { ObjectStoreError } from './errors.ts'
import { presigning } from './presigning.ts'
import { refusal } from './signed-fetch.ts'

/** What this needs of a logger; pino's fits. */
export interface BucketLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** `is`: it was so already. `set`: now it is. `lacking`: the server cannot, or does not let us; the log says what follows. */
export type Outcome = 'is' | 'set' | 'lacking'

export interface BucketReport {
  bucket: 'is' | 'set'
  /** Uploads that nobody claims go by themselves. */
  expiry: Outcome
  /** So do parts of unfinished uploads. */
  parts: Outcome
  /** A policy refuses whoever does not sign. */
  policy: Outcome
  /** Pages may upload. */
  cors: Outcome
}

interface Preparing extends Connection {
  bucket: string
  rules: BucketRules
  logger: BucketLogger
}

/**
 * Makes the bucket when it is missing, and sets lifecycle rules, a policy and CORS. What a server lacks is logged and is no
 * reason not to start.
 * @throws ObjectStoreError when the store does not answer, or there is no bucket and none can be made
 */
export async function prepareBucket(
  options: S3ObjectsOptions,
  rules: BucketRules,
  logger: BucketLogger,
): Promise<BucketReport> {
  const preparing = { ...connect(options), bucket: options.bucket, rules, logger }
  const bucket = await ensureBucket(preparing)
  const report = {
    bucket,
    ...(await ensureLifecycle(preparing)),
    policy: await ensurePolicy(preparing),
    cors: await ensureCors(preparing),
  }
  logger.info({ name: options.bucket, ...report }, 'the bucket is prepared')
  await warnIfPublic(preparing)
  return report
}

async function ensureBucket({ send, sendOrThrow, bucketUrl, timeoutMs }: Preparing): Promise<'is' | 'set'> {
  const head = await send({ method: 'HEAD', url: bucketUrl({}), timeoutMs })
  // 403: a key for objects only. They will tell whether it is right.
  if (head.ok || head.status === 403) return 'is'
  if (head.status !== 404) throw await refusal(head)
  try {
    const made = await sendOrThrow({ method: 'PUT', url: bucketUrl({}), timeoutMs })
    await made.body?.cancel()
    return 'set'
  } catch (error) {
    // Another process of ours was quicker.
    if (error instanceof ObjectStoreError && error.code === 'BucketAlreadyOwnedByYou') return 'is'
    throw error
  }
}

async function ensureLifecycle(preparing: Preparing): Promise<Pick<BucketReport, 'expiry' | 'parts'>> {
  const { expiry, parts } = lifecycleRules(preparing.rules)
  const all = await ensureRules(preparing, 'lifecycle', [expiry, parts])
  if (all !== 'lacking') return { expiry: all, parts: all }
  const some = await ensureRules(preparing, 'lifecycle', [expiry])
  const advice =
    some === 'lacking'
      ? 'the object store takes no lifecycle rules from us: set them as docs/guides/deploy.md says; the origin removes unclaimed uploads itself'
      : 'the object store takes no rule about unfinished uploads: see that it drops their parts by itself (MinIO does, after a day)'
  preparing.logger.warn({ bucket: preparing.bucket }, advice)
  return { expiry: some, parts: 'lacking' }
}

async function ensureCors(preparing: Preparing): Promise<Outcome> {
  const outcome = await ensureRules(preparing, 'cors', [corsRule(preparing.rules)])
  if (outcome === 'lacking' && !(await letsPagesUpload(preparing))) {
    const { bucket, rules, logger } = preparing
    logger.warn(
      { bucket, origins: rules.origins },
      'the object store takes no CORS rules from us, and refuses pages: allow them as docs/guides/deploy.md says, or uploads from browsers fail',
    )
  }
  return outcome
}

/** Servers without such rules may let every page in, as MinIO does. */
async function letsPagesUpload({ objectUrl, rules, timeoutMs }: Preparing): Promise<boolean> {
  const [first = '*'] = rules.origins
  const headers = {
    origin: first === '*' ? 'https://tideline.example' : first,
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'content-type,x-amz-checksum-sha256',
  }
  const url = objectUrl(`${rules.uploadPrefix}preflight`)
  const answer = await unsigned(url, timeoutMs, { method: 'OPTIONS', headers })
  return answer === null || (answer.ok && answer.headers.has('access-control-allow-origin'))
}

/** As a stranger would send it. Null when no answer came: then nothing is known. */
async function unsigned(url: string, timeoutMs: number, init: RequestInit = {}): Promise<Response | null> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) }).catch(() => null)
  await answer?.body?.cancel()
  return answer
}

const DOCUMENTS = { lifecycle: 'LifecycleConfiguration', cors: 'CORSConfiguration' } as const

async function ensureRules(
  preparing: Preparing,
  what: keyof typeof DOCUMENTS,
  rules: readonly Rule[],
): Promise<Outcome> {
  const current = await readDocument(preparing, what)
  if (current === undefined) return 'lacking'
  const wanted = withRules(DOCUMENTS[what], current, rules)
  if (wanted === null) return 'is'
  return (await writeDocument(preparing, what, wanted, 'application/xml')) ? 'set' : 'lacking'
}

/**
 * A server that reads the condition otherwise than S3 would lock us out: so it is tried, and taken back if it does.
 */
async function ensurePolicy(preparing: Preparing): Promise<Outcome> {
  const current = await readDocument(preparing, 'policy')
  if (current === undefined) return 'lacking'
  const wanted = withoutPublicRead(current, preparing.bucket)
  if (wanted === null) return 'is'
  if (!(await writeDocument(preparing, 'policy', wanted, 'application/json'))) return 'lacking'
  if (await letsUsRead(preparing)) return 'set'
  const former = withoutOurs(wanted)
  if (former === null) await remove(preparing, 'policy')
  else await writeDocument(preparing, 'policy', former, 'application/json')
  return 'lacking'
}

/** With a signature in the header and with one in the address, as an object that is not there tells. */
async function letsUsRead(preparing: Preparing): Promise<boolean> {
  const { send, objectUrl, timeoutMs, rules } = preparing
  const key = `${rules.uploadPrefix}${randomUUID()}`
  const signed = await send({ method: 'GET', url: objectUrl(key), timeoutMs })
  await signed.body?.cancel()
  const { url } = await presigning(preparing).presignGet({ key, expiresSeconds: 60 })
  // Its public address may not be reachable from here: then nothing is said against it.
  const presigned = await unsigned(url, timeoutMs)
  return signed.status === 404 && (presigned === null || presigned.status === 404)
}

/** The policy may be lacking, and what lies there open all the same. */
async function warnIfPublic({ bucketUrl, bucket, timeoutMs, logger }: Preparing): Promise<void> {
  const answer = await unsigned(bucketUrl({ 'list-type': '2' }), timeoutMs)
  if (answer?.ok) logger.error({ bucket }, 'anybody can list this bucket: make it private, private pictures lie in it')
}

/** @returns null: there is none; undefined: the server has no such thing, or does not show it to us */
async function readDocument(
  { send, bucketUrl, timeoutMs }: Preparing,
  what: string,
): Promise<string | null | undefined> {
  const answer = await send({ method: 'GET', url: bucketUrl({ [what]: '' }), timeoutMs })
  if (answer.ok) return answer.text()
  const error = await refusal(answer)
  if (error.isTransient && error.status !== 501) throw error
  return answer.status === 404 && error.code.startsWith('NoSuch') ? null : undefined
}

async function writeDocument(
  { send, bucketUrl, timeoutMs }: Preparing,
  what: string,
  body: string,
  type: string,
): Promise<boolean> {
  // S3 takes these with a checksum only.
  const headers = { 'content-md5': createHash('md5').update(body).digest('base64'), 'content-type': type }
  const answer = await send({ method: 'PUT', url: bucketUrl({ [what]: '' }), headers, body, timeoutMs })
  if (!answer.ok) {
    const error = await refusal(answer)
    if (error.isTransient && error.status !== 501) throw error
    return false
  }
  await answer.body?.cancel()
  return true
}

async function remove({ sendOrThrow, bucketUrl, timeoutMs }: Preparing, what: string): Promise<void> {
  const answer = await sendOrThrow({ method: 'DELETE', url: bucketUrl({ [what]: '' }), timeoutMs })
  await answer.body?.cancel()
}
