import type { Clock, Random } from '#core/ids.ts'
import type { Database } from './keyspace.ts'
import type { Reply } from './reply.ts'

/** What a connection is to the commands; a script runs with a client of its own. */
export interface Client {
  readonly id: number
  readonly connectedAt: number
  readonly address: string
  name: string
  library: Record<string, string>
  db: number
  /** The queued commands of an open MULTI. */
  transaction: string[][] | undefined
  /** A command could not be queued: EXEC will abort. */
  transactionFailed: boolean
  /** WATCHed keys, and whether one of them has changed since. */
  watched: WatchedKey[]
  watchBroken: boolean
  channels: Set<string>
  patterns: Set<string>
  monitoring: boolean
  readonly scripted: boolean
  /** Sends a reply outside the usual order (pub/sub, MONITOR). */
  push(reply: Reply): void
  /** Closes the connection once what is written has gone out. */
  quit(): void
}

export interface WatchedKey {
  readonly db: number
  readonly key: string
  /** Its time was over when WATCH came: its removal is then no change. */
  wasExpired: boolean
}

/** What the commands share: the databases and what surrounds them. */
export interface Engine {
  readonly clock: Clock
  readonly random: Random
  readonly runId: string
  readonly startedAt: number
  readonly port: () => number
  readonly databases: readonly Database[]
  readonly clients: Set<Client>
  readonly commands: ReadonlyMap<string, CommandSpec>
  readonly stats: { commands: number; connections: number; lastSaveMs: number }
  /** Told about a defect inside a command; its caller gets an error reply and the server goes on. */
  readonly onFault: (error: unknown) => void
  /** Runs one command for a client, errors included. */
  execute(client: Client, argv: readonly string[]): Reply
  evaluate(client: Client, script: ScriptCall): Reply
  /** Compiles a script without running it; throws the compiler's message. */
  checkScript(sha: string, body: string): void
  forgetScripts(): void
  readonly scripts: Map<string, string>
  /** Removes keys whose time is over; called a few times a second. */
  expire(): void
  /** Writes a snapshot, if there is a file to write to: at once or in the background. Throws or rejects as the file system does. */
  saveNow(): void
  saveSoon(): void
}

export interface ScriptCall {
  readonly sha: string
  readonly body: string
  readonly keys: readonly string[]
  readonly args: readonly string[]
  readonly readOnly: boolean
}

/** One call of a command: argv[0] is the name as the client wrote it. */
export interface Call {
  readonly engine: Engine
  readonly client: Client
  readonly db: Database
  /** Milliseconds since the epoch, the same all through a command. */
  readonly now: number
}

export type Handler = (call: Call, argv: readonly string[]) => Reply

/** First key, last key (negative: from the end), step; 0 0 0 = none or movable. */
export type KeyPositions = readonly [first: number, last: number, step: number]

export interface CommandSpec {
  readonly name: string
  /** Arguments including the name; negative: at least so many. */
  readonly arity: number
  readonly flags: readonly CommandFlag[]
  readonly keys: KeyPositions
  readonly run: Handler
  /** Commands whose first argument names what to do: each with its arity, both words included. */
  readonly subcommands?: Readonly<Record<string, number>>
}

export type CommandFlag = 'write' | 'readonly' | 'noscript' | 'pubsub' | 'admin' | 'movablekeys'

const ONE_KEY: KeyPositions = [1, 1, 1]
export const ALL_KEYS: KeyPositions = [1, -1, 1]
export const NO_KEYS: KeyPositions = [0, 0, 0]

/** A command that changes data. */
export function write(name: string, arity: number, run: Handler, keys: KeyPositions = ONE_KEY): CommandSpec {
  return { name, arity, flags: ['write'], keys, run }
}

/** A command that only reads data. */
export function read(name: string, arity: number, run: Handler, keys: KeyPositions = ONE_KEY): CommandSpec {
  return { name, arity, flags: ['readonly'], keys, run }
}

/** A command about the connection or the server. */
export function control(name: string, arity: number, run: Handler, flags: readonly CommandFlag[] = []): CommandSpec {
  return { name, arity, flags, keys: NO_KEYS, run }
}
