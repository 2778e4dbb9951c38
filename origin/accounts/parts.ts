/** What the rules of accounts work with, and what they answer. */
import type { Clock, Id, IdFactory, Random } from '#core/ids.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Passwords } from './passwords.ts'
import type { SignUpSecrets } from './sign-up-secrets.ts'
import type { AccountStore } from './store.ts'
import type { SignInThrottle } from './throttle.ts'
import type { TokenIssuer } from './tokens.ts'

export interface Tokens {
  accessToken: string
  refreshToken: string
  expiresIn: number
  userId: Id
  username: string
}

export interface AccountsParts {
  store: AccountStore
  redis: RedisPort
  throttle: SignInThrottle
  passwords: Passwords
  tokens: TokenIssuer
  signUps: SignUpSecrets
  ids: IdFactory
  clock: Clock
  random: Random
  randomBytes(count: number): Uint8Array
  randomUuid(): string
}
