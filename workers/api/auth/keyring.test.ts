import { expect, it } from 'vitest'
import type { RedisPort } from '#core/redis.ts'
import { RedisAwayError } from '#core/redis.ts'
import type { OriginClient } from '../data/origin.ts'
import { createKeyring } from './keyring.ts'

const TRACE = { requestId: '', traceparent: '' }
const JWK = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', kid: 'k' } as const
const away = () => Promise.reject(new RedisAwayError('away'))
const noOrigin: OriginClient = { call: away, reachable: async () => false }
const ringOn = (redis: RedisPort) => createKeyring({ configured: [], redis, origin: noOrigin, clock: () => 1_000 })

it('finds a key for all who come while it is first asked for', async () => {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const ring = ringOn({ pipeline: () => held.then(() => [JSON.stringify({ keys: [JWK] })]) })
  const finding = [ring.find('k', TRACE), ring.find('k', TRACE)]
  letGo()
  for (const key of await Promise.all(finding)) expect(key).not.toBeNull()
})

it('calls no token forged before a source has answered, the second one neither', async () => {
  const ring = ringOn({ pipeline: away })
  for (let i = 0; i < 2; i++) await expect(ring.find('k', TRACE)).rejects.toMatchObject({ status: 503 })
})

it('asks for an invented key once in half a minute', async () => {
  let reads = 0
  const ring = ringOn({
    async pipeline() {
      reads++
      return [JSON.stringify({ keys: [JWK] })]
    },
  })
  for (let i = 0; i < 3; i++) expect(await ring.find('invented', TRACE)).toBeNull()
  expect(reads).toBe(1)
})
