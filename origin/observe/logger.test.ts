import { DrizzleQueryError } from 'drizzle-orm/errors'
import { describe, expect, it } from 'vitest'
import { problems } from '#core/problem.ts'
import { createLogger } from './logger.ts'
import { createMetrics } from './metrics.ts'

describe('logger', () => {
  it('writes one JSON line with time, level and the chain of causes', () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
    logger.debug('not this')
    logger.warn({ err: new Error('outer', { cause: new Error('inner') }) }, 'something broke')
    expect(lines.length).toBe(1)
    const line = JSON.parse(lines[0]!)
    expect(line).toMatchObject({
      level: 'warn',
      msg: 'something broke',
      err: { message: 'outer', cause: { message: 'inner' } },
    })
    expect(Date.parse(line.time)).toBeGreaterThan(0)
  })

  it('blacks out secrets, also one and two levels down', () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
    logger.info({ password: 'p1', request: { headers: { authorization: 'p2', accept: '*/*' }, token: 'p3' } })
    expect(lines[0]).not.toMatch(/p[123]/)
    expect(lines[0]).toContain('*/*')
  })

  it('tells of a failed statement without what it was given', () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
    const failed = new DrizzleQueryError('INSERT INTO users', ['p1@example.com', 'two\nlines p2'], new Error('0x00'))
    logger.error({ err: failed }, 'it failed')
    logger.error({ err: new Error('outer', { cause: failed }) })
    for (const line of lines) {
      expect(line).not.toMatch(/p[12]/)
      expect(line).toContain('Failed query: INSERT INTO users')
      expect(line).toContain('logger.test.ts')
    }
    expect(JSON.parse(lines[0]!).err.cause.message).toBe('0x00')
  })

  it('tells of an outage in a sentence: its code, no stack and no statement', () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
    const ended = Object.assign(new Error('terminating connection'), { code: '57P02', severity: 'FATAL' })
    const failed = new DrizzleQueryError('WITH late AS', ['p1'], ended)
    logger.warn({ err: failed })
    logger.warn({ err: problems.away('The database', 1, failed) })
    expect(lines.map((line) => JSON.parse(line).err)).toEqual([
      { type: 'DrizzleQueryError', message: 'terminating connection', code: '57P02' },
      {
        type: 'Problem',
        message: 'The database cannot be reached just now: terminating connection',
        code: '57P02',
      },
    ])
  })
})

describe('metrics', () => {
  it('names everything tideline_ and gives the same metric to all who ask', async () => {
    const metrics = createMetrics()
    metrics.counter('things_total', 'Things', ['kind']).inc({ kind: 'a' })
    metrics.counter('things_total', 'Things', ['kind']).inc({ kind: 'a' })
    const { body, contentType } = await metrics.expose()
    expect(body).toContain('tideline_things_total{kind="a"} 2')
    expect(contentType).toContain('text/plain')
  })
})
