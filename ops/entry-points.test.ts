/** What a person at a terminal sees who got a setting wrong. */
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const STATE_DIR = mkdtempSync(join(tmpdir(), 'entry-'))
afterAll(() => rmSync(STATE_DIR, { recursive: true, force: true }))

/** Nothing listens there: the port is for nobody. */
const NOWHERE = '127.0.0.1:9'

interface Ended {
  code: number
  said: string
}

function run(entry: string, settings: Record<string, string>): Promise<Ended> {
  const { PATH = '' } = process.env
  const args = entry.endsWith('replay.ts') ? [entry, 'events'] : [entry]
  const options = { cwd: ROOT, env: { PATH, STATE_DIR, ...settings } }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, options, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, said: `${stdout}${stderr}`.trim() }),
    )
  })
}

describe.concurrent('a process with a wrong setting says which it is, in one line without a stack, and ends', () => {
  it.for<[string, Record<string, string>, RegExp]>([
    ['origin/main.ts', { PORT: 'http', ROLES: 'all' }, /^The origin did not start\. .*\bPORT: .*\bROLES/],
    ['origin/main.ts', { NODE_ENV: 'production' }, /SERVICE_TOKEN/],
    ['ops/start.ts', { API_PORT: 'web' }, /^Tideline did not start\. API_PORT: /],
    ['ops/migrate.ts', {}, /^Not migrated\. DATABASE_URLS: /],
    ['ops/migrate.ts', { DATABASE_URLS: `postgres://${NOWHERE}/app` }, /DATABASE_URLS: .*ECONNREFUSED/],
    ['ops/reindex.ts', { ELASTICSEARCH_URL: 'search' }, /^Not indexed: .*ELASTICSEARCH_URL/],
    ['origin/ingest/replay.ts', {}, /^SERVICE_TOKEN is not set/],
    ['origin/ingest/replay.ts', { SERVICE_TOKEN: 'x', ORIGIN_URL: `http://${NOWHERE}` }, /ORIGIN_URL .*not reached/],
    ['origin/gateway/upstash/server.ts', { UPSTASH_GATEWAY_PORT: '-1' }, /UPSTASH_GATEWAY_PORT: /],
    ['origin/gateway/upstash/server.ts', {}, /UPSTASH_GATEWAY_TOKENS/],
  ])('%s with %j', async ([entry, settings, sentence], { expect }) => {
    const { code, said } = await run(entry, settings)
    expect(said).toMatch(sentence)
    expect(said.split('\n')).toEqual([said])
    expect([1, 2]).toContain(code)
  })
})

it('a start that is refused for its port leaves no secrets behind', async ({ expect }) => {
  const state = join(STATE_DIR, 'refused')
  for (const settings of [{ API_PORT: 'web' }, { PORT: 'http' }]) {
    expect((await run('ops/start.ts', { STATE_DIR: state, ...settings })).code).toBe(1)
  }
  expect(existsSync(state)).toBe(false)
})

it('npm run shards without a command shows its usage, which is no failure', async ({ expect }) => {
  expect(await run('ops/shards.ts', {})).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^npm run shards -- plan/),
  })
})

describe('npm start after a pull', () => {
  const root = mkdtempSync(join(tmpdir(), 'installed-'))
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  const start = (packages: readonly string[]) => {
    const dependencies = Object.fromEntries(packages.map((name) => [name, '1']))
    writeFileSync(join(root, 'package.json'), JSON.stringify({ type: 'module', devDependencies: dependencies }))
    const args = ['--import', './ops/installed.mjs', '--eval', '']
    return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  }

  it('names what is not installed, and says what to do', ({ expect }) => {
    cpSync(join(ROOT, 'ops/installed.mjs'), join(root, 'ops/installed.mjs'), { recursive: true })
    mkdirSync(join(root, 'node_modules/@here/it-is'), { recursive: true })
    writeFileSync(join(root, 'node_modules/@here/it-is/package.json'), '{}')
    expect(start(['@here/it-is'])).toMatchObject({ status: 0, stderr: '' })
    expect(start(['@here/it-is', '@new/one'])).toMatchObject({
      status: 1,
      stderr: 'Tideline did not start: @new/one is not installed. Run npm ci first.\n',
    })
    expect(start(['a', 'b', 'c', 'd']).stderr).toMatch(/: 4 packages are not installed\./)
  })
})
