// What @permaweb/ao-scheduler-utils makes of a router: one JSON line for each step, judged by test_scheduler_utils.py.
// Arguments: the folder whose node_modules holds it, and a JSON file with the router, its gateway and spawns.

'use strict'

const { readFileSync } = require('fs')
const { createRequire } = require('module')
const { join } = require('path')

const [folder, path] = process.argv.slice(2)
const { connect } = createRequire(join(folder, 'package.json'))('@permaweb/ao-scheduler-utils')
const given = JSON.parse(readFileSync(path, 'utf8'))

function tell(chapter, step, facts) {
    console.log(JSON.stringify({ chapter, step, facts }))
}

async function chapter(name, work) {
    try {
        await work((step, facts) => tell(name, step, facts))
    } catch (failure) {
        tell(name, 'broke off', String(failure.stack || failure))
    }
}

// As message units do: fetch cannot repeat a binary body by itself, so the redirect is followed by hand.
async function post(url, body) {
    const answer = await fetch(url, { method: 'POST', body, redirect: 'manual' })
    if (![307, 308].includes(answer.status)) return answer
    return fetch(answer.headers.get('Location'), { method: 'POST', body, redirect: 'manual' })
}

async function main() {
    await chapter('post', async (say) => {
        for (const [id, item] of Object.entries(given.items)) {
            const answer = await post(`${given.router}/`, Buffer.from(item, 'base64'))
            say(id, { status: answer.status, id: (await answer.json()).id, unit: new URL(answer.url).origin })
        }
    })
    await chapter('locate', async (say) => {
        const { locate } = connect({ GRAPHQL_URL: `${given.gateway}/graphql`, cacheSize: 100, followRedirects: true })
        for (const id of Object.keys(given.items)) say(id, await locate(id, given.wallet))
    })
}

main()
