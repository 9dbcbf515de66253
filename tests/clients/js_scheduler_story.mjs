// What the real clients of ao do with a scheduler: one JSON line for each step, judged by test_ao_clients.py.
// Arguments: the folder whose node_modules holds them, and a JSON file with addresses, a wallet and a module.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, path] = process.argv.slice(2)
const given = JSON.parse(readFileSync(path, 'utf8'))
const require = createRequire(join(folder, 'package.json'))

// No request leaves this machine: for the router of the public test network, which aoconnect asks before the
// gateway, no process is known.
const realFetch = globalThis.fetch
const asked = []
globalThis.fetch = (url, options) => {
    const { hostname } = new URL(url)
    if (hostname === '127.0.0.1') return realFetch(url, options)
    asked.push(hostname)
    return Promise.resolve(new Response('unknown', { status: 404 }))
}
process.env.GRAPHQL_URL = `${given.gateway}/graphql`
process.env.GATEWAY_URL = given.gateway
process.env.MU_URL = given.unit

const load = (name) => import(pathToFileURL(require.resolve(name).replace(/index\.cjs$/, 'index.js')))
const arbundles = require('@dha-team/arbundles')
const aoconnect = await load('@permaweb/aoconnect')
const schedulerUtils = await load('@permaweb/ao-scheduler-utils')

const PROTOCOL = [
    { name: 'Data-Protocol', value: 'ao' },
    { name: 'Variant', value: 'ao.TN.1' },
]
const SPAWN = [
    ...PROTOCOL,
    { name: 'Type', value: 'Process' },
    { name: 'Module', value: given.module },
    { name: 'Scheduler', value: given.scheduler },
]
const MESSAGE = [...PROTOCOL, { name: 'Type', value: 'Message' }]

const getJson = async (url) => {
    const answer = await fetch(url)
    if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
    return answer.json()
}
const post = (url, item, options = {}) =>
    fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/octet-stream', Accept: 'application/json' },
        body: item.getRaw(),
        ...options,
    })
const told = async (answer) => ({ status: answer.status, body: await answer.text() })

async function signed(signer, data, options) {
    const item = arbundles.createData(data, signer, options)
    await item.sign(signer)
    return item
}

// The assignment that a unit shows, made an item again by the library, whose verdict on the signature counts.
async function verifies({ owner, signature, tags, anchor }) {
    const unit = {
        publicKey: Buffer.from(owner.key, 'base64url'),
        signatureType: 1,
        ownerLength: 512,
        signatureLength: 512,
    }
    const bytes = Buffer.from(anchor)
    const raw = bytes.length === 32 ? bytes : Buffer.from(anchor, 'base64url')
    const item = arbundles.createData('', unit, { tags, anchor: raw })
    await item.setSignature(Buffer.from(signature, 'base64url'))
    return item.isValid()
}

async function items(tell) {
    const signers = {
        arweave: new arbundles.ArweaveSigner(given.wallet),
        ethereum: new arbundles.EthereumSigner('01'.repeat(32)),
        solana: new arbundles.HexSolanaSigner(given.solana),
    }
    for (const [name, signer] of Object.entries(signers)) {
        const spawn = await signed(signer, 'return 1', { tags: SPAWN })
        const spawned = await told(await post(given.unit, spawn))
        const message = await signed(signer, name, { tags: MESSAGE, target: spawn.id, anchor: 'a'.repeat(32) })
        const sent = await told(await post(given.unit, message))
        const again = await told(await post(given.unit, message))
        const list = await getJson(`${given.unit}/${spawn.id}?show-anchor=1`)
        const valid = await Promise.all(list.edges.map(({ node }) => verifies(node.assignment)))
        tell(name, { process: spawn.id, message: message.id, spawned, sent, again, list, valid })
    }
}

async function talk(tell, connection, scheduler) {
    const signer = aoconnect.createDataItemSigner(given.wallet)
    const processId = await connection.spawn({
        module: given.module,
        scheduler,
        signer,
        tags: [{ name: 'Name', value: 'talk' }],
        data: '1984',
    })
    tell('spawned', processId)
    const ids = []
    for (const word of ['one', 'two', 'three']) {
        const tags = [{ name: 'Action', value: 'Say' }]
        ids.push(await connection.message({ process: processId, signer, tags, data: word }))
    }
    tell('sent', ids)
    return processId
}

async function connect(tell) {
    const connection = aoconnect.connect({ MODE: 'legacy', MU_URL: given.unit, GATEWAY_URL: given.gateway })
    const processId = await talk(tell, connection, given.scheduler)
    const assigned = await connection.assign({ process: processId, message: given.module, exclude: ['Data'] })
    tell('assigned', assigned)
    tell('process', await getJson(`${given.unit}/processes/${processId}`))
    tell('whole', await getJson(`${given.unit}/${processId}?show-anchor=1`))
    const pages = []
    for (let after = -1; ; ) {
        const page = await getJson(`${given.unit}/${processId}?from-nonce=${after}&limit=3&show-anchor=1`)
        pages.push(page)
        if (!page.page_info.has_next_page) break
        after = page.edges.at(-1).cursor
    }
    tell('pages', pages)
    const assignments = pages.flatMap(({ edges }) => edges).map(({ node }) => node.assignment)
    tell('verified', await Promise.all(assignments.map(verifies)))
    const spoilt = { ...assignments[0], tags: assignments[0].tags.toReversed() }
    tell('spoilt', await verifies(spoilt))
    const forged = connection.message({ process: given.module, signer: aoconnect.createDataItemSigner(given.wallet) })
    tell('refused', await forged.then(String, ({ message }) => message))
    tell('located', await locatedReads(connection, processId))
}

// What aoconnect asks a unit that it found itself, through process, gateway and Scheduler-Location.
async function locatedReads(connection, processId) {
    await indexed(processId)
    // Left out, the limit is sent as the text "undefined", which every unit refuses.
    const range = { processId, from: '0', to: `${Date.now() + 60_000}`, limit: '1000' }
    const list = await connection.getMessages(range)
    const messageId = list.edges[0].node.message.id
    return {
        list,
        one: await connection.getMessageById({ processId, messageId }),
        slot: await connection.getLastSlot({ processId }),
    }
}

// The unit uploads in its own time.
async function indexed(id) {
    const query = 'query ($ids: [ID!]!) { transactions(ids: $ids) { edges { node { id } } } }'
    for (let left = 200; left > 0; left--) {
        const body = JSON.stringify({ query, variables: { ids: [id] } })
        const headers = { 'Content-Type': 'application/json' }
        const answer = await fetch(`${given.gateway}/graphql`, { method: 'POST', headers, body })
        if ((await answer.json()).data.transactions.edges.length > 0) return
        await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error(`${id} was not uploaded`)
}

async function utils(tell) {
    const { locate, validate, raw } = schedulerUtils.connect({
        GRAPHQL_URL: `${given.gateway}/graphql`,
        followRedirects: true,
    })
    const signer = new arbundles.ArweaveSigner(given.wallet)
    const spawn = await signed(signer, 'return 1', { tags: SPAWN })
    tell('spawned', await told(await post(given.unit, spawn)))
    tell('validated', await validate(given.scheduler))
    tell('raw', await raw(given.scheduler))
    tell('located', await locate(spawn.id, given.scheduler))
    const unknown = validate(given.module)
    tell('unknown', await unknown.then(String, ({ name }) => name))
}

// As a message unit does: the unit is asked for by hand, since this fetch cannot send a body a second time.
async function postedByHand(item) {
    const first = await post(given.router, item, { redirect: 'manual' })
    if (first.status !== 307) throw new Error(`${first.status} ${await first.text()}`)
    const location = first.headers.get('Location')
    return { location, ...(await told(await post(location, item))) }
}

async function router(tell) {
    if (!given.router) return
    const signer = new arbundles.ArweaveSigner(given.wallet)
    const spawn = await signed(signer, 'return 1', { tags: SPAWN })
    tell('spawned', await postedByHand(spawn))
    const message = await signed(signer, 'hello', { tags: MESSAGE, target: spawn.id })
    tell('sent', await postedByHand(message))
    const { locate } = schedulerUtils.connect({
        GRAPHQL_URL: `${given.gateway}/graphql`,
        followRedirects: true,
    })
    tell('located', await locate(spawn.id, given.routedScheduler))
    tell('followed', await getJson(`${given.router}/${spawn.id}?process-id=${spawn.id}`))
    tell('process', { id: spawn.id, message: message.id })
}

async function proxy(tell) {
    if (!given.proxy) return
    const connection = aoconnect.connect({ MODE: 'legacy', MU_URL: given.proxy, GATEWAY_URL: given.gateway })
    const processId = await talk(tell, connection, given.scheduler)
    tell('list', await getJson(`${given.unit}/${processId}`))
}

const chapters = { items, connect, utils, router, proxy }
for (const [chapter, narrate] of Object.entries(chapters)) {
    const tell = (step, facts) => process.stdout.write(`${JSON.stringify({ chapter, step, facts })}\n`)
    try {
        await narrate(tell)
    } catch (error) {
        tell('broke off', error instanceof Error ? `${error.stack} ${error.cause ?? ''}` : JSON.stringify(error))
    }
}
process.stdout.write(`${JSON.stringify({ chapter: 'outside', step: 'asked', facts: [...new Set(asked)] })}\n`)
