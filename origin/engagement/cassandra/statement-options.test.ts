import { types } from 'cassandra-driver'
import { expect, test } from 'vitest'
import { statementOptions } from './statement-options.ts'

const { localOne, localQuorum, localSerial } = types.consistencies
const options = statementOptions({
  readConsistency: 'LOCAL_ONE',
  writeConsistency: 'LOCAL_QUORUM',
  serialConsistency: 'LOCAL_SERIAL',
})

test('all that is kept or decided upon is read where every acknowledged write is seen; only pages may be older', () => {
  expect(options.list.consistency).toBe(localOne)
  for (const kind of ['read', 'scan', 'aggregate', 'write', 'together', 'decide'] as const) {
    expect(options[kind].consistency, kind).toBe(localQuorum)
  }
  expect(options.readSerial.consistency).toBe(localSerial)
  expect(options.decide.serialConsistency).toBe(localSerial)
})

test('only a conditional write is never repeated by the driver', () => {
  const repeated = Object.entries(options).filter(([, { isIdempotent }]) => isIdempotent)
  expect(repeated.map(([kind]) => kind).sort()).toEqual(
    ['aggregate', 'list', 'ping', 'read', 'readSerial', 'scan', 'together', 'write'].sort(),
  )
  expect(options.decide.retry).toBeDefined()
})
