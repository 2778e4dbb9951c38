/** The API's own description, as a list of operations with schemas that answers can be checked against. */
import { z } from 'zod'
import type { Fetch } from './person.ts'

type Json = Record<string, unknown>

export interface Operation {
  id: string
  method: string
  /** With {placeholders}. */
  path: string
  /** False when anybody may call it. */
  needsToken: boolean
  /** Names of query parameters; empty when it takes none. */
  query: string[]
  hasBody: boolean
  /** The status that it answers with when all is well and nothing is away. */
  success: number
  /** Schemas of JSON answers by status. */
  answers: Map<number, z.ZodType>
}

const METHODS = ['get', 'put', 'post', 'patch', 'delete']

export async function operationsOf(fetchApi: Fetch): Promise<Operation[]> {
  const document = (await (await fetchApi('/openapi.json')).json()) as Json
  return Object.entries(document.paths as Record<string, Json>).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method] !== undefined).map((method) =>
      operation(document, method.toUpperCase(), path, item[method] as Json),
    ),
  )
}

function operation(document: Json, method: string, path: string, described: Json): Operation {
  const security = (described.security ?? []) as Json[]
  const parameters = (described.parameters ?? []) as { in: string; name: string }[]
  const answers = new Map<number, z.ZodType>()
  for (const [status, response] of Object.entries(described.responses as Record<string, Json>)) {
    const content = (response.content ?? {}) as Record<string, { schema: unknown }>
    const schema = (content['application/json'] ?? content['application/problem+json'])?.schema
    if (schema !== undefined) answers.set(Number(status), z.fromJSONSchema(resolved(document, schema) as never))
  }
  return {
    id: String(described.operationId),
    method,
    path,
    needsToken: security.length > 0 && security.every((way) => 'bearer' in way),
    query: parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name),
    hasBody: described.requestBody !== undefined,
    success: successAmong(Object.keys(described.responses as Json).map(Number)),
    answers,
  }
}

/** 202 says that a store is away, unless an operation has no other success. */
function successAmong(statuses: readonly number[]): number {
  const successes = statuses.filter((status) => status < 300)
  return successes.find((status) => status !== 202) ?? successes[0] ?? 0
}

/** The schema with every reference replaced by what it names. */
function resolved(document: Json, schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map((part) => resolved(document, part))
  if (typeof schema !== 'object' || schema === null) return schema
  const { $ref } = schema as { $ref?: string }
  if ($ref === undefined) {
    return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(document, value)]))
  }
  const target = $ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((node, step) => (node as Json)[step], document)
  return resolved(document, target)
}
