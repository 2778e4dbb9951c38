/** Makes indices, and puts a new generation of them in the place of the present one. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '@elastic/elasticsearch'
import { z } from 'zod'
import type { Id } from '#core/ids.ts'
import { namesAt } from './aliases.ts'
import { asking, away, isMissing, OPTIONS } from './connection.ts'
import { type Generation, KINDS, type Kind, numberOf } from './names.ts'
import type { ElasticsearchSettings } from './settings.ts'

/** How far a next generation has been filled: the last id of each kind that is in it. */
export interface Progress {
  people: Id
  posts: Id
}

export interface Indices {
  alias(kind: Kind, generation: Generation): string
  /** Makes the indices that are missing, whoever else does so at the same time. */
  ensure(): Promise<void>
  /** Whether a next generation is being built, as known for a second at most. */
  hasNext(): Promise<boolean>
  /** Asks anew before it answers the next time. */
  forget(): void
  /** Begins a next generation, or finds the one that was begun. Resolves when every writer writes to it, too. */
  beginNext(): Promise<Progress>
  saveProgress(progress: Progress): Promise<void>
  /** Puts the next generation in the place of the current one, in one step, and removes the old one. */
  swap(): Promise<void>
  /** Gives up a next generation. */
  dropNext(): Promise<void>
}

/** Writers look for a next generation so often. */
const LOOK_EVERY_MS = 1_000
/** Until everybody has looked, and what was under way has ended: searches give up before. */
const SETTLE_MS = 2_500

const lastId = z.string().regex(/^\d+$/)
/** Made anew each time: a rebuild moves it on. */
const progressIn = z.object({ people: lastId, posts: lastId }).catch(() => ({ people: '0', posts: '0' }))

export function openIndices(client: Client, settings: ElasticsearchSettings, clock: () => number): Indices {
  const names = namesAt(client, settings)
  const { alias } = names
  let known = { hasNext: false, atMs: Number.NEGATIVE_INFINITY }

  const look = async () => {
    const found = await names.allBehind('next')
    known = { hasNext: found.every((index) => index !== null), atMs: clock() }
    return known.hasNext
  }
  const forget = () => {
    known = { ...known, atMs: Number.NEGATIVE_INFINITY }
  }

  return {
    alias,
    ensure: async () => void (await Promise.all(KINDS.map((kind) => names.ensure(kind, 1, 'current')))),
    hasNext: async () => (clock() - known.atMs < LOOK_EVERY_MS ? known.hasNext : look()),
    forget,
    async beginNext() {
      const current = await names.allBehind('current')
      const number = Math.max(...current.map((index) => numberOf(index ?? ''))) + 1
      for (const kind of KINDS) await names.ensure(kind, number, 'next')
      await delay(SETTLE_MS)
      await look()
      const name = alias('people', 'next')
      const found = await asking(() => client.indices.getMapping({ index: name }, OPTIONS.admin))
      return progressIn.parse(Object.values(found)[0]?.mappings._meta)
    },
    async saveProgress(progress) {
      const index = alias('people', 'next')
      await asking(() => client.indices.putMapping({ index, _meta: { ...progress } }, OPTIONS.admin))
    },
    async swap() {
      const old = await names.moveToCurrent()
      await delay(SETTLE_MS)
      await names.remove(old)
      forget()
    },
    async dropNext() {
      await names.remove(await names.allBehind('next'))
      forget()
    },
  }
}

/** Runs what needs the indices. */
export type WithIndices = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Makes missing indices before the first work. Where work finds one gone, it looks again at what there is, makes what is
 * missing, and runs the work once more: whatever is written is guarded by versions. So does work that failed while others made
 * them: an index is found before its shards serve.
 */
export function withIndicesOf(indices: Indices): WithIndices {
  let made: Promise<void> | null = null
  const make = () => {
    // A failure is forgotten: the next caller tries anew.
    made ??= indices.ensure().catch((error: unknown) => {
      made = null
      throw error
    })
    return made
  }
  return async (work) => {
    const found = make()
    await found
    try {
      return await work()
    } catch (error) {
      const madeAnew = made !== found
      if (!isMissing(error) && !madeAnew) throw error
      if (!madeAnew) {
        made = null
        indices.forget()
      }
      await make()
      return await work().catch((again: unknown) => {
        throw isMissing(again) ? away(again) : again
      })
    }
  }
}
