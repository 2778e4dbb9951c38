/**
 * `npm run shards -- plan | move --range A-B --to NAME | abort`: moves ranges of shards between the databases of
 * DATABASE_URLS while Tideline runs (docs/runbooks/shard-move.md). `--cluster`: the databases that `npm run cluster -- up`
 * started.
 */
import { parseArgs } from 'node:util'
import { LOGICAL_SHARDS } from '#core/ids.ts'
import { parseShardDatabases, type ShardRange } from '#core/shard-map.ts'
import { sentenceOf } from '../origin/observe/sentence.ts'
import { placeFrom, readEnvironment } from './cluster/state.ts'
import { openShardDatabases } from './shards/databases.ts'
import { abortMove, MOVE_DEFAULTS, type MoveOptions, moveRange } from './shards/move.ts'
import { tellPlan } from './shards/plan.ts'
import { say } from './terminal.ts'

const USAGE = `npm run shards -- plan                            who owns what, and what would even it out
npm run shards -- move --range 100-199 --to db2   moves it; after an interruption the same line goes on
npm run shards -- move --abort                    gives the unfinished move up, before its switch

--cluster             the databases that npm run cluster -- up started, instead of DATABASE_URLS
--source-url URL      how the target's server reaches the source, where that is another address
--notice SECONDS      before the switch (${MOVE_DEFAULTS.noticeSeconds}): not less than readers take to read the map again
--keep SECONDS        after it, until the source's rows are removed (${MOVE_DEFAULTS.keepSeconds})
--pause MILLISECONDS  that the switch may take before it is put off (${MOVE_DEFAULTS.pauseMs})`

function commandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      range: { type: 'string' },
      to: { type: 'string' },
      abort: { type: 'boolean', default: false },
      cluster: { type: 'boolean', default: false },
      'source-url': { type: 'string' },
      notice: { type: 'string' },
      keep: { type: 'string' },
      pause: { type: 'string' },
    },
  })
  const options: MoveOptions = {
    say,
    sourceUrl: values['source-url'] ?? null,
    noticeSeconds: number(values.notice, MOVE_DEFAULTS.noticeSeconds),
    keepSeconds: number(values.keep, MOVE_DEFAULTS.keepSeconds),
    pauseMs: number(values.pause, MOVE_DEFAULTS.pauseMs),
  }
  return { command: positionals[0], ...values, options }
}

function number(text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (!Number.isFinite(value) || value < 0) throw new Error(USAGE)
  return value
}

function parseRange(text: string): ShardRange {
  const [, first, last] = /^(\d{1,4})-(\d{1,4})$/.exec(text) ?? []
  const range = { first: Number(first), last: Number(last) }
  if (first === undefined || range.first > range.last || range.last >= LOGICAL_SHARDS) {
    throw new Error(`"${text}" is no range of shards, as 100-199 is; the last one is ${LOGICAL_SHARDS - 1}.`)
  }
  return range
}

async function run(): Promise<void> {
  const { command, range, to, abort, cluster, options } = commandLine()
  if (command === undefined) return say(USAGE)
  const asked = range === undefined || to === undefined ? null : { range: parseRange(range), to }
  if (command !== 'plan' && !(command === 'move' && (abort || asked !== null))) throw new Error(USAGE)
  const settings = cluster ? readEnvironment(placeFrom(process.env).folder) : process.env
  if (!settings.DATABASE_URLS) throw new Error('DATABASE_URLS names no databases: their addresses, comma separated.')
  const databases = await openShardDatabases(parseShardDatabases(settings.DATABASE_URLS))
  try {
    if (command === 'plan') await tellPlan(databases, say)
    else if (abort) await abortMove(databases, options)
    else if (asked !== null) await moveRange(databases, asked, options)
  } finally {
    await databases.close()
  }
}

try {
  await run()
} catch (error) {
  say(sentenceOf(error))
  process.exitCode = 1
}
