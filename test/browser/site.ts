/** A whole Tideline with a small demo and its page, and browsers that visit it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { DEMO_PASSWORD, type DemoCard, demoPeople, seedDemo } from '../../origin/demo/index.ts'
import { buildWeb } from '../../web/build.ts'
import { type Person, personOf, type Session } from '../e2e/person.ts'
import { type System, startSystem } from '../e2e/system.ts'
import { openVisit, type Visit, type VisitOptions } from './visit.ts'

/** Small enough to be seeded in seconds, large enough for three pages of a feed. */
const DEMO = { people: 40, posts: 160 }

const PASSWORD = 'correct horse battery'

export interface Newcomer {
  username: string
  displayName: string
  /** The same person by API. */
  byApi: Person
}

interface Stranger {
  id: string
  username: string
  displayName: string
}

const STRANGERS = `
  SELECT r.username AS reader, u.user_id::text AS id, u.username, u.display_name AS "displayName"
    FROM users r, users u
   WHERE r.username = ANY ($1) AND r.following_count > 0 AND u.post_count > 2 AND NOT u.is_private
     AND u.user_id <> r.user_id
     AND NOT EXISTS (SELECT 1 FROM follows f WHERE f.follower_id = r.user_id AND f.followee_id = u.user_id)
   ORDER BY u.post_count DESC LIMIT 1`
const COMMON_TAG = `
  SELECT tag, count(*)::int AS posts FROM posts, unnest(hashtags) AS tag GROUP BY tag ORDER BY posts DESC LIMIT 1`

export interface Site {
  system: System
  /** The first four follow each other. */
  people: DemoCard[]
  /** One of the people, and somebody with posts whom that person does not follow. */
  strangers(): Promise<[DemoCard, Stranger]>
  /** The hashtag on most posts. */
  commonTag(): Promise<{ tag: string; posts: number }>
  /** New accounts, who follow nobody. */
  newcomers(count: number): Promise<Newcomer[]>
  /** A browser window of its own, which shares nothing with others. */
  visit(options?: VisitOptions): Promise<Visit>
  /** The same, with one of the newcomers signed in. */
  visitAs(person: Newcomer, options?: VisitOptions): Promise<Visit>
  /** What any page complained about so far: its console, uncaught errors, its policy. */
  complaints: string[]
  /** Takes back the complaints that name this, and answers how many there were. */
  forgive(what: string): number
  close(): Promise<void>
}

export async function openSite(executablePath: string): Promise<Site> {
  const page = mkdtempSync(join(tmpdir(), 'tideline-page-'))
  let people: DemoCard[] = []
  const system = await startSystem({
    page,
    prepare: async (engines, tiers) => {
      await seedDemo({ ...engines, search: tiers, size: DEMO })
      people = await demoPeople(engines.database)
      await buildWeb({ outDir: page, minify: true, demo: { people, password: DEMO_PASSWORD } })
    },
  })
  // Root has no sandbox to give, as in most CI containers; the pages are our own.
  const browser = await chromium.launch({ executablePath, chromiumSandbox: false })
  const complaints: string[] = []
  let newcomers = 0
  const visit = (options?: VisitOptions) => openVisit(browser, system.url, complaints, options)
  const one = async <T>(text: string, ...values: unknown[]) =>
    (await system.origin.engines.pools[0].query(text, values)).rows[0] as T
  return {
    system,
    people,
    async strangers() {
      const names = people.map(({ username }) => username)
      const { reader, ...author } = await one<Stranger & { reader: string }>(STRANGERS, names)
      return [people[names.indexOf(reader)]!, author]
    },
    commonTag: () => one(COMMON_TAG),
    newcomers: (count) => Promise.all(Array.from({ length: count }, () => register(system, ++newcomers))),
    visit,
    async visitAs({ username }, options) {
      const opened = await visit(options)
      await opened.signInWith(username, PASSWORD)
      return opened
    },
    complaints,
    forgive(what) {
      const before = complaints.length
      complaints.splice(0, before, ...complaints.filter((complaint) => !complaint.includes(what)))
      return before - complaints.length
    },
    async close() {
      await browser.close()
      await system.close()
      rmSync(page, { recursive: true, force: true })
    },
  }
}

async function register({ fetch }: System, n: number): Promise<Newcomer> {
  const person = { username: `newcomer${n}`, displayName: `Newcomer Nr. ${n}` }
  const answer = await fetch('/v1/accounts', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...person, email: `${person.username}@example.com`, password: PASSWORD }),
  })
  if (answer.status !== 201) throw new Error(`registering answered ${answer.status} ${await answer.text()}`)
  return { ...person, byApi: personOf(fetch, (await answer.json()) as Session) }
}
