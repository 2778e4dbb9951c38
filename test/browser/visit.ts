/** One person's window: what people do on the page, by the names that the page gives to things. */
import type { Browser, Locator, Page } from 'playwright-core'
import { until } from '../e2e/until.ts'

export interface VisitOptions {
  width?: number
  height?: number
  /** As on a phone: touch, and bars that take no room. */
  isMobile?: boolean
}

export interface Visit {
  page: Page
  /** Picks somebody on the sign-in view and waits for the feed. */
  signInAs(displayName: string): Promise<void>
  /** Signs in by the form and waits for the feed. */
  signInWith(login: string, password: string): Promise<void>
  /** Shows an address of the page, as typed in. */
  open(path: string): Promise<void>
  /** The feed's cards. */
  cards: Locator
  /** Ids of the posts that the feed shows, from the top. */
  postIds(): Promise<string[]>
  close(): Promise<void>
}

const TELL_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (event) =>
  console.error('the policy forbids ' + event.violatedDirective + ' ' + event.blockedURI))`

export async function openVisit(
  browser: Browser,
  url: string,
  complaints: string[],
  { width = 1280, height = 900, isMobile = false }: VisitOptions = {},
): Promise<Visit> {
  const viewport = { width, height }
  const context = await browser.newContext({
    baseURL: url,
    viewport,
    isMobile,
    hasTouch: isMobile,
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.addInitScript({ content: TELL_VIOLATIONS })
  const cards = page.locator('article.card')
  return {
    page,
    cards,
    async signInAs(displayName) {
      await page.goto('/')
      await page.getByRole('button', { name: displayName }).click()
      await cards.first().waitFor()
    },
    async signInWith(login, password) {
      await page.goto('/')
      await page.getByLabel('User name or e-mail').fill(login)
      await page.getByLabel('Password').fill(password)
      await page.getByRole('button', { name: 'Sign in', exact: true }).press('Enter')
      await cards.first().waitFor()
    },
    open: async (path) => void (await page.goto(path)),
    postIds: () => cards.evaluateAll((all) => all.map((card) => card.getAttribute('data-post') ?? '')),
    close: () => context.close(),
  }
}

/** Waits until a picture below an element has been decoded, and answers its width in pixels. */
export async function decodedWidth(within: Locator): Promise<number> {
  const image = within.locator('.frame img').first()
  return until('the picture is decoded', async () => {
    const width = await image.evaluate((element: { naturalWidth: number }) => element.naturalWidth)
    return width > 0 && width
  })
}

/** By how many pixels a page is wider than its window. */
export const overhang = (page: Page): Promise<number> =>
  page
    .locator('html')
    .evaluate((root: { scrollWidth: number; clientWidth: number }) => root.scrollWidth - root.clientWidth)
