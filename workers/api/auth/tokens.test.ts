import { expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { RedisAwayError, type RedisPort } from '#core/redis.ts'
import { redis } from '../feed/testing.ts'
import { person, services, tokenOf } from '../testing.ts'
import { createKeyring } from './keyring.ts'
import { createTokenVerifier } from './tokens.ts'

const TRACE = { requestId: '', traceparent: '' }

it('lets a token in for moments only where Redis did not say whether its session has ended', async () => {
  let now = Date.now()
  let isBusy = true
  const busy: RedisPort = {
    pipeline: (commands) => (isBusy ? Promise.reject(new RedisAwayError('busy')) : redis.pipeline(commands)),
  }
  const { config, db, origin } = services
  const clock = () => now
  const keyring = createKeyring({ configured: config.jwks, redis, origin, clock })
  const tokens = createTokenVerifier({ keyring, origin, db, redis: busy, clock })
  const sessionId = crypto.randomUUID()
  const token = await tokenOf((await person()).id, { sessionId })
  await redis.pipeline([['SET', keys.revoked(sessionId), 1, 'EX', 60]])

  expect(await tokens.verify(token, true, TRACE)).toMatchObject({ sessionId })
  isBusy = false
  expect(tokens.remembered(token, true)).not.toBeNull()
  now += 5_001
  expect(tokens.remembered(token, true)).toBeNull()
  await expect(tokens.verify(token, true, TRACE)).rejects.toMatchObject({ status: 401 })
})
