/** Makes indices, and puts a new generation of them in the place of the present one. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, errors } from '@elastic/elasticsearch'
import { z } from 'zod'
import type { Id } from '#core/ids.ts'
import { asking, away, isMissing, OPTIONS } from './connection.ts'
import { mappingsOf, settingsOf } from './mappings.ts'
import { aliasOf, type Generation, indexOf, KINDS, type Kind, numberOf } from './names.ts'
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
  const alias = (kind: Kind, generation: Generation) => aliasOf(settings.prefix, kind, generation)
  let known = { hasNext: false, atMs: Number.NEGATIVE_INFINITY }

  /** The index behind an alias; null: there is none. */
  const behind = (name: string): Promise<string | null> =>
    asking(async () => {
      try {
        const found = await client.indices.getAlias({ name }, OPTIONS.search)
        return Object.keys(found)[0] ?? null
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
    })

  /** @throws Error when an index of that name is there without its alias: whose it is, only people can tell */
  const create = async (kind: Kind, number: number, generation: Generation) => {
    const index = indexOf(settings.prefix, kind, number)
    const aliases = { [alias(kind, generation)]: {} }
    const body = { index, aliases, mappings: mappingsOf(kind), settings: settingsOf(kind, settings) }
    try {
      await asking(() => client.indices.create({ ...body, wait_for_active_shards: 1 }, OPTIONS.admin))
    } catch (error) {
      if (!isThereAlready(error)) throw error
      if ((await behind(alias(kind, generation))) === null) {
        throw new Error(
          `The index ${index} has lost its alias ${alias(kind, generation)}: give it back, or delete the index.`,
        )
      }
    }
  }

  const look = async () => {
    const found = await Promise.all(KINDS.map((kind) => behind(alias(kind, 'next'))))
    known = { hasNext: found.every((index) => index !== null), atMs: clock() }
    return known.hasNext
  }

  return {
    alias,
    async ensure() {
      await Promise.all(
        KINDS.map(async (kind) => {
          if ((await behind(alias(kind, 'current'))) === null) await create(kind, 1, 'current')
        }),
      )
    },
    hasNext: async () => (clock() - known.atMs < LOOK_EVERY_MS ? known.hasNext : look()),
    forget() {
      known = { ...known, atMs: Number.NEGATIVE_INFINITY }
    },
    async beginNext() {
      const current = await Promise.all(KINDS.map((kind) => behind(alias(kind, 'current'))))
      const number = Math.max(...current.map((index) => numberOf(index ?? ''))) + 1
      for (const kind of KINDS) {
        if ((await behind(alias(kind, 'next'))) === null) await create(kind, number, 'next')
      }
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
      const moves = await Promise.all(
        KINDS.map(async (kind) => ({
          kind,
          old: await behind(alias(kind, 'current')),
          next: await behind(alias(kind, 'next')),
        })),
      )
      const actions = moves.flatMap(({ kind, old, next }) =>
        next === null
          ? []
          : [
              ...(old === null ? [] : [{ remove: { index: old, alias: alias(kind, 'current') } }]),
              { add: { index: next, alias: alias(kind, 'current') } },
              { remove: { index: next, alias: alias(kind, 'next') } },
            ],
      )
      if (actions.length < KINDS.length * 2)
        throw new Error('There is no next generation to swap in: another has done so.')
      await asking(() => client.indices.updateAliases({ actions }, OPTIONS.admin))
      await delay(SETTLE_MS)
      await remove(moves.map(({ old }) => old))
    },
    async dropNext() {
      await remove(await Promise.all(KINDS.map((kind) => behind(alias(kind, 'next')))))
    },
  }

  async function remove(names: (string | null)[]): Promise<void> {
    const index = names.filter((name) => name !== null)
    if (index.length > 0) await asking(() => client.indices.delete({ index, ignore_unavailable: true }, OPTIONS.admin))
    known = { ...known, atMs: Number.NEGATIVE_INFINITY }
  }
}

const isThereAlready = (error: unknown): boolean =>
  error instanceof errors.ResponseError && error.message.includes('resource_already_exists_exception')

/** Runs what needs the indices. */
export type WithIndices = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Makes missing indices before the first work. Where work finds one gone, it looks again at what there is, makes what is
 * missing, and runs the work once more: whatever is written is guarded by versions.
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
    await make()
    try {
      return await work()
    } catch (error) {
      if (!isMissing(error)) throw error
      made = null
      indices.forget()
      await make()
      return await work().catch((again: unknown) => {
        throw isMissing(again) ? away(again) : again
      })
    }
  }
}
