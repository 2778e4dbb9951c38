/** Indices and the aliases that lead to them: all requests for documents go through an alias, so that indices can be replaced. */
import { type Client, errors } from '@elastic/elasticsearch'
import { asking, isMissing, OPTIONS } from './connection.ts'
import { mappingsOf, settingsOf } from './mappings.ts'
import { aliasOf, type Generation, indexOf, KINDS, type Kind } from './names.ts'
import type { ElasticsearchSettings } from './settings.ts'

export interface NamesAt {
  alias(kind: Kind, generation: Generation): string
  /** The indices of a generation, kind by kind. */
  allBehind(generation: Generation): Promise<(string | null)[]>
  /**
   * Makes the index of that number unless the alias leads to one, whoever else does so at the same time.
   * @throws Error when an index of that name is there without its alias: whose it is, only people can tell
   */
  ensure(kind: Kind, number: number, generation: Generation): Promise<void>
  /** Gives the current aliases to the next generation, in one step. Answers the indices that had them. */
  moveToCurrent(): Promise<(string | null)[]>
  remove(indices: readonly (string | null)[]): Promise<void>
}

export function namesAt(client: Client, settings: ElasticsearchSettings): NamesAt {
  const alias = (kind: Kind, generation: Generation) => aliasOf(settings.prefix, kind, generation)
  const behind = (name: string) => indexBehind(client, name)
  const allBehind = (generation: Generation) => Promise.all(KINDS.map((kind) => behind(alias(kind, generation))))
  return {
    alias,
    allBehind,
    async ensure(kind, number, generation) {
      const index = indexOf(settings.prefix, kind, number)
      const name = alias(kind, generation)
      if ((await behind(name)) !== null) return
      const body = { index, aliases: { [name]: {} }, mappings: mappingsOf(kind), settings: settingsOf(kind, settings) }
      try {
        await asking(() => client.indices.create({ ...body, wait_for_active_shards: 1 }, OPTIONS.admin))
      } catch (error) {
        if (!isThereAlready(error)) throw error
        if ((await behind(name)) !== null) return
        throw new Error(`The index ${index} has lost its alias ${name}: give it back, or delete the index.`)
      }
    },
    async moveToCurrent() {
      const [former, next] = await Promise.all([allBehind('current'), allBehind('next')])
      if (next.includes(null)) throw new Error('There is no next generation to swap in: another has done so.')
      const actions = KINDS.flatMap((kind, i) =>
        moveOf(alias(kind, 'current'), alias(kind, 'next'), former[i], next[i]),
      )
      await asking(() => client.indices.updateAliases({ actions }, OPTIONS.admin))
      return former
    },
    async remove(indices) {
      const index = indices.filter((name) => name !== null)
      if (index.length === 0) return
      await asking(() => client.indices.delete({ index, ignore_unavailable: true }, OPTIONS.admin))
    },
  }
}

function indexBehind(client: Client, name: string): Promise<string | null> {
  return asking(async () => {
    try {
      const found = await client.indices.getAlias({ name }, OPTIONS.search)
      return Object.keys(found)[0] ?? null
    } catch (error) {
      if (isMissing(error)) return null
      throw error
    }
  })
}

function moveOf(current: string, next: string, former: string | null | undefined, index: string | null | undefined) {
  if (index == null) return []
  return [
    ...(former == null ? [] : [{ remove: { index: former, alias: current } }]),
    { add: { index, alias: current } },
    { remove: { index, alias: next } },
  ]
}

const isThereAlready = (error: unknown): boolean =>
  error instanceof errors.ResponseError && error.message.includes('resource_already_exists_exception')
