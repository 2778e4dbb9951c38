/** The page in a real browser, on a whole Tideline: what a person sees and does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium } from './chromium.ts'
import { keeping } from './keeping.ts'
import { narrow } from './narrow.ts'
import { people } from './people.ts'
import { photos } from './photos.ts'
import { posts } from './posts.ts'
import { privacy } from './privacy.ts'
import { searching } from './searching.ts'
import { openSite, type Site } from './site.ts'
import { strangers } from './strangers.ts'

const chromium = findChromium()
const needs = chromium === null ? ' (there is no Chromium on the PATH, and no CHROMIUM_PATH)' : ''
/** On a machine for tests alone, one that is missing is a fault; on somebody's own it need not be there. */
if (process.env.CI === 'true') {
  it('has a Chromium', () => {
    expect(chromium).not.toBeNull()
  })
}

describe.skipIf(chromium === null)(`the page in a browser${needs}`, () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite(chromium ?? '')
  })
  afterAll(() => site?.close())
  const on = () => site

  describe('photos', () => photos(on))
  describe('posts', () => posts(on))
  describe('people', () => people(on))
  describe('search', () => searching(on))
  describe('newcomers', () => strangers(on))
  describe('privacy', () => privacy(on))
  describe('boards and notifications', () => keeping(on))
  describe('a narrow window', () => narrow(on))
  it('had nothing to complain about: no error, no warning, nothing against its policy', () => {
    expect(site.complaints).toEqual([])
  })
})
