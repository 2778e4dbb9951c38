import { expect, it } from 'vitest'
import { faultsOfReads, type RowOfReads, sumOfReads, tableOfReads } from './fault-report.ts'

const row = (more: Partial<RowOfReads> = {}): RowOfReads => ({
  row: 'kafka',
  reads: 1_000,
  full: 1_000,
  degraded: 0,
  stale: 0,
  failed: 0,
  astray: 0,
  excused: 0,
  slowestMs: 700,
  pictures: 100,
  picturesFailed: 0,
  writes: 300,
  writesExcused: 0,
  ...more,
})

it('lets one read in a thousand fail, and one of a row that has fewer, but of all rows together no more than that', () => {
  expect(faultsOfReads(row({ failed: 1 }))).toEqual([])
  expect(faultsOfReads(row({ reads: 300, failed: 1 }))).toEqual([])
  expect(faultsOfReads(row({ failed: 2 }))).toEqual(['kafka: 2 of 1000 feeds were no whole page'])
  const short = Array.from({ length: 10 }, () => row({ reads: 300, failed: 1 }))
  expect(short.flatMap(faultsOfReads)).toEqual([])
  expect(faultsOfReads(sumOfReads(short))).toEqual(['all: 10 of 3000 feeds were no whole page'])
})

it('lets five reads in a hundred come from where the outage gives no reason to, and no picture of a cache be missing', () => {
  expect(faultsOfReads(row({ astray: 50, stale: 50 }))).toEqual([])
  expect(faultsOfReads(row({ astray: 51, stale: 51 }))).toHaveLength(1)
  // Where it does promise a stale page, none is astray.
  expect(faultsOfReads(row({ full: 0, stale: 1_000 }))).toEqual([])
  expect(faultsOfReads(row({ picturesFailed: 1 }))).toEqual(['kafka: 1 of 100 pictures did not open'])
})

it('prints a line a row and their sum, and says when too much of it was excused', () => {
  const rows = [row(), row({ row: 'cassandra', full: 990, stale: 10, slowestMs: 900, excused: 20 })]
  const [header, , , all, said] = tableOfReads(rows).split('\n')
  expect(header).toMatch(/reads +full +degraded +stale/)
  expect(all?.trim().split(/ +/)).toEqual([
    'all',
    '2000',
    '1990',
    '0',
    '10',
    '0',
    '0',
    '20',
    '200',
    '0',
    '600',
    '0',
    '900',
  ])
  expect(said).toBe('Whole pages: 100.00 % of the reads; stale 0.50 %; excused by a machine that was too busy 1.00 %.')
  expect(tableOfReads([row({ excused: 31 })])).toContain('too much to judge by')
})
