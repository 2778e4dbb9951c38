import type { IHeaders } from 'kafkajs'
import type { IncomingRecord } from './client.ts'

/** What kafkajs brings of a record, as far as it is read here. */
export interface FetchedMessage {
  offset: string
  key: Buffer | null
  value: Buffer | null
  headers?: IHeaders
}

/** A record as the engine sees it. A header that is there several times counts once. */
export function incoming({ offset, key, value, headers: given = {} }: FetchedMessage): IncomingRecord {
  const headers: Record<string, string> = {}
  for (const [name, values] of Object.entries(given)) {
    const first = Array.isArray(values) ? values[0] : values
    if (first !== undefined) headers[name] = first.toString()
  }
  return { offset: Number(offset), key: key?.toString() ?? null, value: value?.toString() ?? null, headers }
}
