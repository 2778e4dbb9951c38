import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AwsV4Signer } from 'aws4fetch'
import { type EmbeddedObjects, type EmbeddedObjectsOptions, startEmbeddedObjects } from './index.ts'

export const CREDENTIALS = { accessKeyId: 'testkey', secretAccessKey: 'testsecret' }

/** A server for one test file: over a folder of its own, with a clock that the test moves. */
export interface TestServer {
  readonly dir: string
  readonly server: EmbeddedObjects
  /** What the server wrote to its log as an error: tests expect none. */
  readonly errors: unknown[]
  /** Moves the server's and the signer's clock by this many milliseconds. */
  advance(millis: number): void
  now(): number
  /** Signs in the header and sends; `path` is encoded already, as in /media/a%20b */
  send(method: string, path: string, init?: SendInit): Promise<Response>
  /** A presigned URL. */
  presign(method: string, path: string, init?: PresignInit): Promise<string>
  stop(): Promise<void>
}

export interface SendInit {
  headers?: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer>
}

export interface PresignInit {
  headers?: Record<string, string>
  expires?: number
}

export async function startTestServer(options: Partial<EmbeddedObjectsOptions> = {}): Promise<TestServer> {
  const dir = await mkdtemp(join(tmpdir(), 'objects-'))
  const errors: unknown[] = []
  let millis = Date.UTC(2026, 0, 31, 12)
  const now = (): number => millis
  const server = await startEmbeddedObjects({
    dir,
    credentials: CREDENTIALS,
    buckets: ['media'],
    clock: now,
    logger: { info: () => undefined, error: (fields) => errors.push(fields) },
    ...options,
  })
  const signerFor = (
    method: string,
    path: string,
    signQuery: boolean,
    headers: Record<string, string>,
  ): AwsV4Signer => {
    const datetime = new Date(millis).toISOString().replace(/[:-]|\.\d{3}/g, '')
    const url = server.endpoint + path
    const fixed = { ...CREDENTIALS, service: 's3', region: 'us-east-1', allHeaders: true, datetime }
    return new AwsV4Signer({ ...fixed, method, url, headers, signQuery })
  }
  return {
    dir,
    server,
    errors,
    now,
    advance: (by) => {
      millis += by
    },
    async send(method, path, { headers = {}, body } = {}) {
      const signed = await signerFor(method, path, false, headers).sign()
      return fetch(signed.url, { method, headers: signed.headers, ...(body === undefined ? {} : { body }) })
    },
    async presign(method, path, { headers = {}, expires = 60 } = {}) {
      const separator = path.includes('?') ? '&' : '?'
      const signed = await signerFor(method, `${path}${separator}X-Amz-Expires=${expires}`, true, headers).sign()
      return signed.url.href
    },
    async stop() {
      await server.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** The code of an error answer. */
export async function errorCode(response: Response): Promise<string> {
  return /<Code>(\w+)<\/Code>/.exec(await response.text())?.[1] ?? `none (${response.status})`
}
