/** What a schema refuses, in sentences for people: zod's own words are for whoever wrote the schema. */
import type { z } from 'zod'

type RawIssue = Parameters<z.core.$ZodErrorMap>[0]

const TYPES: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  tuple: 'a list',
  null: 'null',
}
const FORMATS: Record<string, string> = {
  email: 'This is not an e-mail address.',
  url: 'This is not a web address.',
  datetime: 'This must be an instant as in 2026-01-31T12:00:00Z.',
  uuid: 'This is not a UUID.',
}
/** What a length counts. */
const UNITS: Record<string, string> = { string: 'characters', array: 'entries', set: 'entries', map: 'entries' }

/** A sentence for an issue that its schema has no words of its own for. */
export function sentenceOf(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'This is required.'
        : `This must be ${TYPES[issue.expected] ?? issue.expected}.`
    case 'too_big':
      return limit(issue.origin, 'at most', issue.maximum)
    case 'too_small':
      if (issue.minimum === 1 && issue.origin in UNITS) return 'This must not be empty.'
      return limit(issue.origin, 'at least', issue.inclusive === false ? Number(issue.minimum) + 1 : issue.minimum)
    case 'invalid_value':
      return `This must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}.`
    case 'invalid_format':
      return FORMATS[issue.format] ?? 'This does not have the right form.'
    case 'not_multiple_of':
      return `This must be a multiple of ${issue.divisor}.`
    case 'unrecognized_keys':
      return 'Unknown field.'
    default:
      return 'This does not fit.'
  }
}

function limit(origin: string, bound: string, count: number | bigint): string {
  const unit = UNITS[origin]
  return unit === undefined ? `This must be ${bound} ${count}.` : `Use ${bound} ${count} ${unit}.`
}
