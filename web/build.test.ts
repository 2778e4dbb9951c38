import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { buildWeb } from './build.ts'

describe('the bundle', () => {
  const outDir = mkdtempSync(join(tmpdir(), 'web-'))
  afterAll(() => rmSync(outDir, { recursive: true, force: true }))

  it('is small, has nothing inline, and forgets the demo when there is none', async () => {
    const demo = { password: 'open sesame', people: [{ username: 'ada', displayName: 'Ada' }] }
    await buildWeb({ outDir, minify: true, demo })
    expect(JSON.parse(readFileSync(join(outDir, 'demo.json'), 'utf8'))).toEqual(demo)
    expect(statSync(join(outDir, 'app.js')).size).toBeLessThan(56 * 1024)
    const html = readFileSync(join(outDir, 'index.html'), 'utf8')
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=/)
    expect(readFileSync(join(outDir, '_headers'), 'utf8')).toContain("script-src 'self';")
    await buildWeb({ outDir, minify: true })
    expect(readFileSync(join(outDir, 'demo.json'), 'utf8')).toBe('null')
  })
})
