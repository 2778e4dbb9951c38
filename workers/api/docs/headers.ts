/** Headers that middleware reads and sends around the routes, declared at each operation which they concern. */
import type { App } from '../context.ts'

type Named<T> = Readonly<Record<string, T>>

type Description = ReturnType<App['getOpenAPI31Document']>

interface Operation {
  security?: readonly Named<unknown>[]
  parameters?: readonly ({ name: string } | { $ref: string })[]
  responses: Named<{ headers?: Named<unknown> }>
}

const text = { type: 'string' }
const count = { type: 'integer', minimum: 0 }

const HEADERS = {
  'X-RateLimit-Limit': { description: 'How many requests of this kind you may make a minute.', schema: count },
  'X-RateLimit-Remaining': { description: 'How many of them are left.', schema: count },
  'X-RateLimit-Reset': { description: 'Seconds until the minute is over.', schema: count },
  'Retry-After': { description: 'Seconds to wait before the next try.', schema: count },
  'Idempotency-Replayed': {
    description: 'Present where this is the answer that was given under the same Idempotency-Key before.',
    schema: { type: 'string', enum: ['true'] },
  },
  'Tideline-Layers': {
    description:
      'Sent to whoever has signed in and asks with the request header `Tideline-Debug: layers`: which layer of caches had what. ' +
      '`client`: whether yours was the newest copy; `timeline`: whether there was one; `authors`: from where the lists of celebrities ' +
      'came; `posts`: from where the candidates, of which the page shows the best (`nowhere`: deleted, or their store was away); ' +
      '`calls`: requests to each store. `Server-Timing` says the same, beside the milliseconds of each store.',
    schema: text,
    example:
      'client=miss, timeline=hit, authors=redis:2, posts=isolate:113 redis:6 postgres:1, calls=redis:2 postgres:1',
  },
}
type HeaderName = keyof typeof HEADERS

const DEBUG = {
  name: 'Tideline-Debug',
  in: 'header',
  description: '`layers`: to be told in `Tideline-Layers` which layer of caches had what.',
  schema: { type: 'string', enum: ['layers'] },
}

const LIMITS: readonly HeaderName[] = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset']

/** Their answers are everybody's, for whom a token changes nothing: shared caches keep them. */
const isShared = (path: string) => path.startsWith('/v1/trending/')

/** The description with these headers: each once among the components, and a reference wherever it is given. */
export function withHeaders(description: Description): Description {
  const paths = mapped((description.paths ?? {}) as Named<Named<Operation>>, (item, path) =>
    path.startsWith('/v1/') ? mapped(item, (operation) => withHeadersOf(operation, path)) : item,
  )
  const components = { ...description.components, headers: HEADERS, parameters: { 'Tideline-Debug': DEBUG } }
  return { ...description, paths, components } as Description
}

function withHeadersOf(operation: Operation, path: string): Operation {
  const mayAsk = !isShared(path) && (operation.security ?? []).some((way) => 'bearer' in way)
  const statuses = Object.keys(operation.responses).map(Number)
  // What is accepted and nothing else keeps no answer.
  const isKept =
    (operation.parameters ?? []).some((one) => 'name' in one && one.name === 'idempotency-key') &&
    statuses.some((status) => status < 300 && status !== 202)
  const responses = mapped(operation.responses, (answer, status) => {
    const names = headersOf(Number(status), { mayAsk, isKept })
    const added = Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
    return names.length === 0 ? answer : { ...answer, headers: { ...answer.headers, ...added } }
  })
  const asking = mayAsk ? [{ $ref: '#/components/parameters/Tideline-Debug' }] : []
  return { ...operation, parameters: [...(operation.parameters ?? []), ...asking], responses }
}

function headersOf(status: number, { mayAsk, isKept }: { mayAsk: boolean; isKept: boolean }): readonly HeaderName[] {
  if (status === 429) return [...LIMITS, 'Retry-After']
  if (status === 503) return ['Retry-After']
  if (status >= 400) return []
  return [
    ...LIMITS,
    ...(isKept ? (['Idempotency-Replayed'] as const) : []),
    ...(mayAsk ? (['Tideline-Layers'] as const) : []),
  ]
}

const mapped = <T, R>(all: Named<T>, make: (one: T, name: string) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, make(one, name)]))
