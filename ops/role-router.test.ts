import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type OriginMethod, originApi } from '#core/origin-api.ts'
import { ROLES } from '../origin/config.ts'
import { ROUTED_ROLES, type RoleRouter, roleOf, startRoleRouter } from './role-router.ts'

const servers: Server[] = []
let router: RoleRouter | null = null

afterEach(async () => {
  await router?.close()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** Says who it is, and what it was asked. */
async function role(name: string, status = 200): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { method, url, headers } = request
    const asked = { method, url, token: headers.authorization, body: Buffer.concat(chunks).toString() }
    response.writeHead(status, { 'x-role': name, 'retry-after': '2' }).end(JSON.stringify(asked))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const ask = (path: string) =>
  fetch(`http://127.0.0.1:${router?.port}${path}`, { method: 'POST', body: '{"a":1}', headers: { authorization: 'x' } })

describe('the role that a path belongs to', () => {
  it('is the first word of a method, and one that runs', () => {
    for (const method of Object.keys(originApi) as OriginMethod[]) {
      const [tier] = method.split('.')
      // Every process takes what the edge has counted.
      if (tier === 'observe') continue
      expect([method, roleOf(`/internal/${method}`)]).toEqual([method, tier])
      expect(ROLES).toContain(tier)
      expect(ROUTED_ROLES).toContain(tier)
    }
  })

  it('is ingest for the queues, and accounts for keys and all else', () => {
    expect(roleOf('/internal/observe.edge')).toBe('accounts')
    expect(roleOf('/internal/ingest')).toBe('ingest')
    expect(roleOf('/internal/dead-letters/replay?x=1')).toBe('ingest')
    expect(roleOf('/.well-known/jwks.json')).toBe('accounts')
    expect(roleOf('/internal/nothing')).toBe('accounts')
  })
})

describe('the router', () => {
  it('hands each request to its role, whole, and the answer back', async () => {
    router = await startRoleRouter({ accounts: await role('accounts'), search: await role('search', 404) }, 0)
    const found = await ask('/internal/search.posts?q=1')
    expect([found.status, found.headers.get('x-role'), found.headers.get('retry-after')]).toEqual([404, 'search', '2'])
    expect(await found.json()).toEqual({
      method: 'POST',
      url: '/internal/search.posts?q=1',
      token: 'x',
      body: '{"a":1}',
    })
    expect((await ask('/.well-known/jwks.json')).headers.get('x-role')).toBe('accounts')
  })

  it('says 503 for a role that has died or was never there, and serves the others', async () => {
    const accounts = await role('accounts')
    router = await startRoleRouter({ accounts, media: 'http://127.0.0.1:9' }, 0)
    for (const method of ['media.get', 'engagement.like']) {
      const answer = await ask(`/internal/${method}`)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([503, 'application/problem+json'])
      expect(await answer.json()).toMatchObject({ status: 503, code: 'unavailable' })
    }
    expect((await ask('/internal/accounts.jwks')).status).toBe(200)
  })
})
