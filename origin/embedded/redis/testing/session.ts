import { afterEach } from 'vitest'
import { type EmbeddedRedis, type EmbeddedRedisOptions, startEmbeddedRedis } from '../index.ts'
import { RawClient, type RawReply } from './raw-client.ts'

/** A server of its own with a clock that the test moves, and one client. */
export interface Session {
  readonly server: EmbeddedRedis
  readonly clock: { now: number }
  /** Sends one command; words are separated by blanks, further arguments are taken as they are. */
  ask(words: string, ...args: string[]): Promise<RawReply>
  connect(): Promise<RawClient>
}

const START = Date.UTC(2026, 0, 1)
const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** Starts a session; it ends with the test. */
export async function startSession(options: EmbeddedRedisOptions = {}): Promise<Session> {
  const clock = { now: START }
  const server = await startEmbeddedRedis({ clock: () => clock.now, ...options })
  open.push(() => server.close())
  const connect = async () => {
    const client = await RawClient.connect(server.port)
    open.push(() => client.close())
    return client
  }
  const client = await connect()
  const ask = async (words: string, ...args: string[]) => {
    const [reply] = await client.pipeline([[...words.split(' '), ...args]])
    return reply!
  }
  return { server, clock, ask, connect }
}

export const OK = { status: 'OK' }
export const WRONGTYPE = { error: 'WRONGTYPE Operation against a key holding the wrong kind of value' }
