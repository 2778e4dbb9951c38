import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { authenticate, type Credentials, type PayloadClaim } from './authenticate.ts'
import { type Buckets, openBuckets } from './buckets.ts'
import type { Limits } from './call.ts'
import { allowOrigin, answerPreflight } from './cors.ts'
import { S3Error } from './errors.ts'
import { readRequest, type S3Request } from './request.ts'
import { findOperation } from './routes.ts'
import { renderXml } from './xml.ts'

/** What this server needs of a logger; pino's fits. */
export interface ObjectsLogger {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface EmbeddedObjectsOptions {
  /** Where the buckets lie; created when missing. One process at a time. */
  readonly dir: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default: any free port. */
  readonly port?: number
  readonly credentials: Credentials
  /** The region that signatures must name. Default us-east-1. */
  readonly region?: string
  /** Created when missing. */
  readonly buckets: readonly string[]
  /** Keys with one of these prefixes may be read (GET, HEAD) without a signature. Default none. */
  readonly publicRead?: readonly string[]
  /** Origins whose pages may use the store; default every origin: a signature is what grants access. */
  readonly allowedOrigins?: readonly string[]
  readonly limits?: Partial<Limits>
  /** Epoch milliseconds. */
  readonly clock?: () => number
  /** Ids of uploads, requests and temporary files: unguessable, of [A-Za-z0-9_-]. */
  readonly newId?: () => string
  readonly logger: ObjectsLogger
}

export interface EmbeddedObjects {
  readonly port: number
  /** http://host:port, the bucket's name goes into the path. */
  readonly endpoint: string
  /** Removes stale multipart uploads; runs every ten minutes by itself. @returns how many went */
  sweep(): Promise<number>
  /** Lets requests under way finish, for three seconds at most. */
  close(): Promise<void>
}

/** S3's own limits; unfinished uploads live for a day. */
const DEFAULT_LIMITS: Limits = Object.freeze({
  maxPutBytes: 5 * 1024 ** 3,
  minPartBytes: 5 * 1024 ** 2,
  maxMetadataBytes: 2048,
  staleUploadMs: 24 * 3600_000,
})
const SWEEP_EVERY_MS = 10 * 60_000
/** A phone on a slow line needs long for a video; Node's default would end an upload after five minutes. */
const REQUEST_TIMEOUT_MS = 3600_000
/** What is left of a refused upload is read and thrown away for this long: a connection cut at once would lose the answer. */
const DRAIN_MS = 10_000
/** How long close() waits for requests under way. */
const CLOSE_MS = 3000

type Settings = Required<Omit<EmbeddedObjectsOptions, 'limits'>> & { limits: Limits; store: Buckets }

/**
 * Starts an object store that speaks S3's protocol (path-style) over a folder on disk, so that presigned URLs and S3
 * clients work unchanged without a server installed. A put is durable when it is answered; a kill at any moment leaves
 * the old object or the new one.
 */
export async function startEmbeddedObjects(options: EmbeddedObjectsOptions): Promise<EmbeddedObjects> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const newId = options.newId ?? randomUUID
  const { dir, buckets } = options
  const store = await openBuckets({ dir, names: buckets, minPartBytes: limits.minPartBytes, newId })
  const settings: Settings = {
    host: '127.0.0.1',
    port: 0,
    region: 'us-east-1',
    publicRead: [],
    allowedOrigins: ['*'],
    clock: Date.now,
    ...options,
    newId,
    limits,
    store,
  }
  const listener = (raw: IncomingMessage, response: ServerResponse): void => void answer(settings, raw, response)
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, listener).on('checkContinue', listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(settings.port, settings.host, resolve)
  })
  const sweep = (): Promise<number> => sweepUploads(settings)
  const timer = setInterval(() => {
    sweep().catch((error: unknown) => settings.logger.error({ err: error }, 'sweeping stale uploads failed'))
  }, SWEEP_EVERY_MS).unref()
  const { port } = server.address() as AddressInfo
  return {
    port,
    endpoint: `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`,
    sweep,
    async close() {
      clearInterval(timer)
      const cut = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
      await new Promise((resolve) => server.close(resolve))
      clearTimeout(cut)
    },
  }
}

/** Never rejects: whatever goes wrong becomes an answer or the end of the connection. */
async function answer(settings: Settings, raw: IncomingMessage, response: ServerResponse): Promise<void> {
  const requestId = settings.newId()
  response.setHeader('x-amz-request-id', requestId)
  try {
    await serve(settings, readRequest(raw), response)
  } catch (error) {
    const isClientGone = raw.destroyed && !raw.complete
    if (!(error instanceof S3Error) && !isClientGone && !isClosedEarly(error)) {
      settings.logger.error({ err: error, method: raw.method, requestId }, 'object request failed')
    }
    if (response.headersSent) response.destroy()
    else refuse(raw, response, requestId, error)
  }
}

async function serve(settings: Settings, request: S3Request, response: ServerResponse): Promise<void> {
  const { store, limits, region, allowedOrigins } = settings
  if (request.method === 'OPTIONS') return answerPreflight(request, response, allowedOrigins)
  allowOrigin(request, response, allowedOrigins)
  const now = settings.clock()
  const claim = authenticate(request, settings.credentials, region, now) ?? anonymous(settings, request)
  await findOperation(request)({ request, response, claim, buckets: store, limits, region, now })
}

/** @throws S3Error AccessDenied for all that is not public */
function anonymous({ publicRead }: Settings, request: S3Request): PayloadClaim {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  const isPlain = request.query.every(([name]) => name !== 'uploadId' && !name.startsWith('response-'))
  if (!isRead || !isPlain || request.key === '' || !publicRead.some((prefix) => request.key.startsWith(prefix))) {
    throw new S3Error('AccessDenied', 'Access Denied.')
  }
  return { hash: 'UNSIGNED-PAYLOAD', seed: '', key: Buffer.alloc(0), scope: { dateTime: '', region: '' } }
}

function refuse(raw: IncomingMessage, response: ServerResponse, requestId: string, error: unknown): void {
  const known = error instanceof S3Error ? error : new S3Error('InternalError', 'We encountered an internal error.')
  const body = renderXml(
    'Error',
    [
      ['Code', known.code],
      ['Message', known.message],
      ['Resource', raw.url?.split('?')[0] ?? ''],
      ['RequestId', requestId],
    ],
    false,
  )
  const headers = { ...known.headers, 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) }
  response.writeHead(known.status, headers)
  response.end(raw.method === 'HEAD' ? undefined : body)
  if (raw.complete) return
  const cut = setTimeout(() => raw.destroy(), DRAIN_MS).unref()
  raw.once('close', () => clearTimeout(cut)).resume()
}

async function sweepUploads({ store, clock, limits, logger }: Settings): Promise<number> {
  const before = clock() - limits.staleUploadMs
  let swept = 0
  for (const { bucket, uploads } of store.all()) {
    for (const upload of await uploads.all()) {
      if (upload.initiated >= before) continue
      try {
        await uploads.abort(upload)
      } catch (error) {
        // Completed or aborted while we looked.
        if (error instanceof S3Error) continue
        throw error
      }
      swept += 1
      logger.info({ bucket: bucket.name, key: upload.key }, 'removed a stale multipart upload')
    }
  }
  return swept
}

function isClosedEarly(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}
