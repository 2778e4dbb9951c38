/** Accounts: who people are, and the tokens that say so. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { type Clock, createIdFactory, type IdFactory, type Random } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Database } from '#drizzle/database.ts'
import type { OriginHandlers } from '../internal-api.ts'
import { createPasswords } from './passwords.ts'
import { postgresAccounts } from './postgres.ts'
import { accountsService } from './service.ts'
import { signUpSecrets } from './sign-up-secrets.ts'
import { redisThrottle } from './throttle.ts'
import { createTokenIssuer, type SigningKeys } from './tokens.ts'

export { ARGON2 } from './passwords.ts'
export type { SigningKeys } from './tokens.ts'

export interface AccountsNeeds {
  database: Database
  redis: RedisPort
  /** The Ed25519 key that signs, and public keys beside it while keys are rotated. */
  signingKeys: SigningKeys
  logger: Logger
  clock?: Clock
  /** For ids and events; secrets come from the system's generator. */
  random?: Random
  ids?: IdFactory
}

export interface Accounts {
  handlers: Required<
    Pick<
      OriginHandlers,
      'accounts.register' | 'accounts.signIn' | 'accounts.refresh' | 'accounts.signOut' | 'accounts.jwks'
    >
  >
  /** Puts the public keys into Redis, where an edge that does not know a key id finds them. Repeat it when Redis was lost. */
  publishKeys(): Promise<void>
}

/** @throws when the signing key is no Ed25519 private key */
export async function createAccounts(needs: AccountsNeeds): Promise<Accounts> {
  const { database, redis, signingKeys, logger, clock = Date.now, random = Math.random } = needs
  const tokens = await createTokenIssuer(signingKeys)
  const service = accountsService({
    store: postgresAccounts(database),
    redis,
    throttle: redisThrottle(redis),
    passwords: await createPasswords(randomBytes),
    tokens,
    signUps: signUpSecrets(signingKeys.privateJwk),
    ids: needs.ids ?? createIdFactory(clock, random),
    clock,
    random,
    randomBytes,
    randomUuid: randomUUID,
  })
  const publishKeys = async () => {
    await redis.pipeline([['SET', keys.jwks(), JSON.stringify(tokens.jwks)]])
  }
  await publishKeys().catch((error: unknown) => logger.warn({ err: error }, 'public keys are not in Redis yet'))
  return {
    handlers: {
      'accounts.register': (input, { traceparent }) => service.register(input, traceparent),
      'accounts.signIn': ({ login, password }) => service.signIn(login, password),
      'accounts.refresh': ({ refreshToken }) => service.refresh(refreshToken),
      'accounts.signOut': async ({ refreshToken }) => {
        await service.signOut(refreshToken)
        return {}
      },
      'accounts.jwks': async () => ({ keys: tokens.jwks.keys.map((key) => ({ ...key })) }),
    },
    publishKeys,
  }
}
