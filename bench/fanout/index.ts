/**
 * `npm run bench -- fanout`: from the accepted post to the last follower's timeline, through all that lies between: api
 * Worker, queue, consumer Worker, ingest, log, fan-out, redis-server. Authors with 10 to 9,999 followers, all warm, and one
 * with a million, whose posts are pulled.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench, BenchOptions, Figures } from '../bench.ts'
import { measureCelebrity } from './celebrity.ts'
import { follow, warmReaders } from './followers.ts'
import { measurePush, type SizeFigures } from './push.ts'
import { type Stage, setStage, signUp } from './stage.ts'

const SIZES = [10, 100, 1_000, 9_999]
/** Where the slope begins: from here on, an author's followers are cut into pages. */
const SLOPE_FROM = 1_000

export const fanoutBench: Bench = async (options) => {
  const directory = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  const closers: (() => Promise<unknown>)[] = []
  try {
    return await measure(await setStage(directory, closers, options), options)
  } finally {
    for (const close of closers.reverse()) await close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(stage: Stage, options: BenchOptions): Promise<Figures> {
  const { say } = options
  const readers = await warmReaders(Math.max(...SIZES), stage.database, stage.redis)
  say(`${readers.length} warm readers`)
  const bySize: SizeFigures[] = []
  for (const size of SIZES) {
    const author = await signUp(stage, `bench.author.${size}`)
    const followers = readers.slice(0, size)
    await follow(author.userId, followers, stage.database)
    const figures = await measurePush(stage, author, followers)
    say(
      `${size} followers: median ${figures.acceptedToLastMs} ms, from ${figures.fastestMs} to ${figures.slowestMs}; ${JSON.stringify(figures.stages)}`,
    )
    bySize.push(figures)
  }
  return { ...largest(bySize), bySize, ...(await measureCelebrity(stage, readers, options)) }
}

function largest(bySize: readonly SizeFigures[]) {
  const last = bySize.at(-1)
  const from = bySize.find(({ followers }) => followers === SLOPE_FROM)
  if (last === undefined || from === undefined) throw new Error('the slope needs two sizes')
  const { followers, acceptedToLastMs, stages } = last
  const slope = (acceptedToLastMs - from.acceptedToLastMs) / (followers - from.followers)
  return {
    followers,
    acceptedToLastMs,
    stages,
    usPerFollower: Number(((acceptedToLastMs * 1_000) / followers).toFixed(2)),
    slopeUsPerFollower: Number((slope * 1_000).toFixed(2)),
  }
}
