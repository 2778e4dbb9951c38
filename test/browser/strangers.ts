import { expect, it } from 'vitest'
import { until } from '../e2e/until.ts'
import type { Site } from './site.ts'

/** Somebody who comes for the first time. */
export function strangers(on: () => Site): void {
  it('are told what a user name may be before anything is sent, and sign up with one that is', async () => {
    const { page, open, close } = await on().visit()
    await open('/')
    await page.getByRole('button', { name: 'Create an account' }).click()
    const name = page.getByLabel('User name')
    await name.fill('ab')
    await page.getByLabel('Name', { exact: true }).fill('Ada Newcomer')
    await page.getByLabel('E-mail').fill('ada.newcomer@example.com')
    await page.getByLabel('Password').fill('correct horse')
    await page.getByRole('button', { name: 'Create account' }).click()
    const said = await name.evaluate((input: { validationMessage: string }) => input.validationMessage)
    expect(said).toMatch(/^Use 3 to 50 letters/)
    await name.fill('Ada.Newcomer')
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.getByRole('link', { name: 'Your profile, ada.newcomer' }).click()
    await page.getByRole('heading', { name: 'Ada Newcomer' }).waitFor()
    expect(await page.getByRole('list', { name: 'Figures' }).textContent()).toMatch(
      /0 posts\s*0 followers\s*0 following/,
    )
    await close()
  })

  it('find nothing at an address that has no view, signed in or not, and the way from there', async () => {
    const [ann] = on().people
    const { page, open, signInAs, close } = await on().visit()
    const statusAt = async (path: string) => (await page.goto(path))?.status()
    const nothing = page.getByRole('heading', { name: 'There is nothing here' })
    expect(await statusAt('/nonsense')).toBe(404)
    await nothing.waitFor()
    await page.getByRole('link', { name: 'To the feed' }).click()
    await signInAs(ann!.displayName)
    expect(await statusAt('/u/a/b')).toBe(404)
    await nothing.waitFor()
    expect(await page.title()).toBe('Not found · Tideline')
    expect(await statusAt(`/u/${ann!.username}`)).toBe(200)
    await page.getByRole('heading', { name: ann!.displayName }).waitFor()
    await open('/')
    // The console names every such answer; these were asked for.
    await until(
      'the console has named them',
      async () => on().complaints.filter((said) => said.includes('404')).length === 2,
    )
    on().forgive('404')
    await close()
  })
}
