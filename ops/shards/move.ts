/**
 * Moves a range of shards to another database while people read and write. Each step is written down when it is reached and
 * bears repetition, so a move that died goes on where it was (ARCHITECTURE.md, "Moving shards").
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { ShardRange } from '#core/shard-map.ts'
import { sqlState } from '#drizzle/database.ts'
import { MAP_FRESH_MS } from '#drizzle/ownership.ts'
import { checkServers, ownerOfRange } from './checks.ts'
import { removeLeftovers, removeRows, settleRequests } from './clean.ts'
import { type Databases, type NamedDatabase, rangeName } from './databases.ts'
import { closeAt, cutOut, expectAt, forgetAt, leaveAt, openAt, reopenAt, stateAt } from './ownership.ts'
import {
  announce,
  forgetMove,
  lockMoves,
  type Move,
  note,
  reach,
  type Step,
  switchMap,
  unfinishedMove,
} from './record.ts'
import { copyState, goOnFollowing, publish, stopFollowing, subscribe, unsubscribe, waitForMark } from './replication.ts'
import { SHARDED_TABLES } from './tables.ts'

export interface MoveOptions {
  say(text: string): void
  /** How the target's server reaches the source, where that is another address than ours. */
  sourceUrl: string | null
  /**
   * Seconds between the announcement and the switch: readers have a map by then that tells them of it, and what they began
   * before it has been sent.
   */
  noticeSeconds: number
  /** Seconds that the source's rows stay after the switch: longer than any statement that began before it. */
  keepSeconds: number
  /** Milliseconds that a switch may hold writers up before it is taken back and tried again later. */
  pauseMs: number
}

/** What a process may take to send a read that it has decided on: a free connection is waited for that long. */
const LONGEST_WAIT_MS = 15_000

export const MOVE_DEFAULTS: Omit<MoveOptions, 'say'> = {
  sourceUrl: null,
  noticeSeconds: (MAP_FRESH_MS + LONGEST_WAIT_MS) / 1_000,
  keepSeconds: 60,
  pauseMs: 2_000,
}

interface Moving {
  readonly databases: Databases
  readonly move: Move
  readonly source: NamedDatabase
  readonly target: NamedDatabase
  readonly options: MoveOptions
}

/**
 * Begins a move, or goes on with the one that was begun.
 * @throws Error with a sentence when it may not begin, or another one is not finished
 */
export async function moveRange(
  databases: Databases,
  asked: { range: ShardRange; to: string },
  options: MoveOptions,
): Promise<void> {
  await lockMoves(databases)
  const target = databases.all.find(({ name }) => name === asked.to)
  if (target === undefined) {
    throw new Error(`There is no ${asked.to}. There are: ${databases.all.map(({ name }) => name).join(', ')}.`)
  }
  const unfinished = await unfinishedMove(databases)
  if (unfinished === null) await begin(databases, asked.range, target, options)
  else if (!isSame(unfinished, asked.range, target)) throw new Error(`${tell(databases, unfinished)} Finish it first.`)
  else options.say(`Going on with it, from "${unfinished.step}".`)
  for (;;) {
    const move = await unfinishedMove(databases)
    if (move === null) return
    const source = databases.all[move.source]
    if (source === undefined) throw new Error('the map names a database that the settings do not')
    const step = STEPS[move.step]
    await step({ databases, move, source, target, options })
  }
}

const isSame = (move: Move, { first, last }: ShardRange, target: NamedDatabase) =>
  move.first === first && move.last === last && move.target === target.index

const tell = ({ all }: Databases, move: Move) =>
  `A move of ${rangeName(move)} from ${all[move.source]?.name} to ${all[move.target]?.name} is not finished (${move.step}).`

async function begin(databases: Databases, range: ShardRange, target: NamedDatabase, { say }: MoveOptions) {
  const owner = ownerOfRange(await databases.map(), range)
  const source = databases.all[owner.database]
  if (source === undefined || source === target) throw new Error(`${target.name} has ${rangeName(range)} already.`)
  await checkServers(source, target)
  say(`Moving shards ${rangeName(range)} from ${source.name} to ${target.name}.`)
  await announce(databases, { ...range, source: source.index, target: target.index, epoch: owner.epoch + 1 })
}

const STEPS: Record<Step, (moving: Moving) => Promise<void>> = {
  announced: prepare,
  copying: follow,
  closing: change,
  cleaning: clean,
  aborting: ({ databases, move, options }) => giveUp(databases, move, options),
  done: async () => {},
}

async function prepare({ databases, move, source, target, options: { say, sourceUrl } }: Moving): Promise<void> {
  await patiently(say, () => cutOut(source, move))
  // An earlier try may have come as far as a subscription: what it has copied goes with the rows, and would not come again.
  await unsubscribe(source, target, move)
  const removed = await removeRows(target, move)
  if (removed > 0) say(`  ${removed} rows of an earlier try are gone from ${target.name}`)
  await expectAt(target, move, move.epoch)
  await removeLeftovers(source, target, databases.directory, move)
  await publish(source, move)
  await subscribe(source, target, move, sourceUrl ?? source.url)
  await reach(databases, move, 'copying')
}

/** Waits until every table is copied, the target is less than half a second behind, and readers had their notice. */
async function follow({ databases, move, source, target, options }: Moving): Promise<void> {
  const { say, noticeSeconds } = options
  await goOnFollowing(source, target, move)
  let told = ''
  let errors = 0
  for (;;) {
    const state = await copyState(target, move)
    if (state.errors > errors) {
      errors = state.errors
      say(`  ${target.name} could not bring in a change (its log says why); looking for names that are taken`)
      await removeLeftovers(source, target, databases.directory, move)
    }
    const isCopied = state.tables > 0 && state.ready === state.tables
    const lag = isCopied ? await waitForMark(source, target, move, 500) : null
    const current = await unfinishedMove(databases)
    const notice = noticeSeconds - (current?.announcedFor ?? 0)
    const line = isCopied
      ? `  copied; ${lag === null ? 'more than 500' : Math.round(lag)} ms behind${notice > 0 ? `; readers have notice for ${Math.ceil(notice)} s` : ''}`
      : `  copying: ${state.ready} of ${state.tables} tables follow, ${state.copying} rows of those under way`
    if (line !== told) say(line)
    told = line
    if (lag !== null && notice <= 0) break
    await delay(lag === null ? 200 : 500)
  }
  await reach(databases, move, 'closing')
}

/** The switch. Nobody writes the range between its first line and its last; nobody reads it between the two in the middle. */
async function change(moving: Moving): Promise<void> {
  const { databases, move, source, target, options } = moving
  const { say, pauseMs } = options
  const began = performance.now()
  const states = await stateAt(source, move)
  if (states.some((state) => state !== 'moved')) {
    await patiently(say, () => closeAt(source, move))
    if ((await waitForMark(source, target, move, pauseMs)) === null) {
      await reopenAt(source, move)
      say(`  ${target.name} did not catch up within ${pauseMs} ms: writes go on, and the switch comes later`)
      return reach(databases, move, 'copying')
    }
    await stopFollowing(target, move)
    await leaveAt(source, move)
  }
  await openAt(target, move, move.epoch)
  await switchMap(databases, move)
  const ms = Math.round(performance.now() - began)
  await note(databases, move, { switchMs: ms })
  say(`  switched: ${target.name} owns ${rangeName(move)} at epoch ${move.epoch}; writers waited ${ms} ms at most`)
}

async function clean({ databases, move, source, target, options: { say, keepSeconds } }: Moving): Promise<void> {
  await unsubscribe(source, target, move)
  await settleRequests(target)
  await target.client.query(`ANALYZE ${SHARDED_TABLES.map(({ name }) => name).join(', ')}`)
  const rest = keepSeconds - (move.switchedFor ?? keepSeconds)
  if (rest > 0) {
    say(
      `  the rows at ${source.name} stay for ${Math.ceil(rest)} s more: statements that began before the switch may read them`,
    )
    await delay(rest * 1_000)
  }
  let told = 0
  const removed = await removeRows(source, move, (table, rows) => {
    if (rows > told) say(`  ${source.name}: ${table} cleaned, ${rows} rows gone`)
    told = rows
  })
  await forgetAt(source, move)
  await note(databases, move, { removed })
  await reach(databases, move, 'done')
  say(`Done: shards ${rangeName(move)} are in ${target.name}.`)
}

/** Gives the unfinished move up: the source owns the range as before. @throws Error after the switch */
export async function abortMove(databases: Databases, options: MoveOptions): Promise<void> {
  await lockMoves(databases)
  const move = await unfinishedMove(databases)
  if (move === null) throw new Error('No move is under way.')
  await giveUp(databases, move, options)
}

async function giveUp(databases: Databases, move: Move, { say }: MoveOptions): Promise<void> {
  const [source, target] = [databases.all[move.source], databases.all[move.target]]
  if (source === undefined || target === undefined) throw new Error('the map names a database that the settings do not')
  if (move.step === 'cleaning' || (await stateAt(source, move)).includes('moved')) {
    throw new Error(`${target.name} owns the shards already. Finish the move, then move them back.`)
  }
  await reach(databases, move, 'aborting')
  await reopenAt(source, move)
  await unsubscribe(source, target, move)
  await forgetAt(target, move)
  const removed = await removeRows(target, move)
  await forgetMove(databases, move)
  say(`Given up: ${source.name} keeps shards ${rangeName(move)}; ${removed} rows are gone from ${target.name}.`)
}

const LOCK_NOT_AVAILABLE = '55P03'

/** A long transaction of somebody else holds a lock: behind our request others would wait, so it is withdrawn and repeated. */
async function patiently(say: (text: string) => void, run: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error
      say('  a long transaction holds its shards; trying again in a second')
      await delay(1_000)
    }
  }
}
