/** A gateway in front of one kind of Redis, for tests. */
import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest'
import type { RedisDeployment } from '../../redis/test-deployments.ts'
import { startUpstashGateway } from './server.ts'

/** An answer: one entry, or a pipeline's entries by place. */
export interface Body {
  result: string
  error: string
  [place: number]: { result: number | string | string[] }
}

export const tokens = { readWrite: ['write-token'], readOnly: ['read-token'] }

/** One request without the SDK. */
type Call = (
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
  method?: string,
) => Promise<{ status: number; body: Body; headers: Headers }>

interface OpenGateway {
  url: string
  call: Call
  close(): Promise<void>
}

/** Starts Redis and the gateway, and resolves when they have met. */
async function openGateway(engine: RedisDeployment): Promise<OpenGateway> {
  const server = await engine.start()
  const gateway = await startUpstashGateway({ redis: { url: server.url }, tokens, limits: { bodyBytes: 100_000 } })
  const { url } = gateway
  await vi.waitFor(async () => expect((await fetch(`${url}/health`)).status).toBe(200))
  return {
    url,
    async call(path, body, headers = {}, method = 'POST') {
      const response = await fetch(url + path, {
        method,
        headers: { authorization: 'Bearer write-token', ...headers },
        ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : JSON.stringify(body) }),
      } as RequestInit)
      return { status: response.status, body: (await response.json()) as Body, headers: response.headers }
    },
    async close() {
      await gateway.close()
      await server.close()
    },
  }
}

/** A gateway for all tests of the suite that calls this. Each of them begins with an empty Redis. */
export function gatewaySuite(engine: RedisDeployment): Pick<OpenGateway, 'url' | 'call'> {
  let open: OpenGateway
  beforeAll(async () => {
    open = await openGateway(engine)
  })
  beforeEach(() => open.call('/', ['FLUSHALL']))
  afterAll(() => open.close())
  return {
    get url() {
      return open.url
    },
    call: (...request) => open.call(...request),
  }
}
