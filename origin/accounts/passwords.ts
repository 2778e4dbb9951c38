/** Password hashing: argon2id (RFC 9106) through @node-rs/argon2, whose default algorithm it is. */
import { hash, parseOptions, verify } from '@node-rs/argon2'
import { problems } from '#core/problem.ts'

/**
 * The first of OWASP's equivalent choices (Password Storage Cheat Sheet): 19 MiB, 2 passes, 1 lane. About 20 ms of one
 * core, in a thread of libuv's pool.
 */
export const ARGON2 = Object.freeze({ memoryCost: 19_456, timeCost: 2, parallelism: 1 })

/** Hashes waiting or running at once: at 4 threads the last of them waits half a second, and 600 MB are never asked for. */
const MAX_IN_FLIGHT = 64

export interface Passwords {
  hash(password: string): Promise<string>
  /** Takes the same time whether there is a hash to compare with or not. */
  verify(hash: string | null, password: string): Promise<boolean>
  /** Whether a hash was made with other parameters than today's. */
  isOutdated(hash: string): boolean
}

/** Makes one hash in advance that no password matches: what unknown logins are compared with. */
export async function createPasswords(randomBytes: (count: number) => Uint8Array): Promise<Passwords> {
  const nobody = await hash(randomBytes(32), ARGON2)
  let inFlight = 0
  const bounded = async <T>(work: () => Promise<T>): Promise<T> => {
    if (inFlight >= MAX_IN_FLIGHT) throw problems.away('Sign-in', 1)
    inFlight++
    try {
      return await work()
    } finally {
      inFlight--
    }
  }
  return {
    hash: (password) => bounded(() => hash(password, ARGON2)),
    async verify(stored, password) {
      const matches = await bounded(() => verify(stored ?? nobody, password))
      return matches && stored !== null
    },
    isOutdated(stored) {
      const made = parseOptions(stored)
      return made.memoryCost !== ARGON2.memoryCost || made.timeCost !== ARGON2.timeCost
    },
  }
}
