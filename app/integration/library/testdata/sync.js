// Sync: sync.v1.
"use strict";

const http = require("node:http");
const twilio = require("twilio");
const { assert, refused } = require("./expect.js");

const unknown = (prefix) => prefix + "0".repeat(32);
const of = (client, s) => client.sync.v1.services(s.service.sid);

// pages walks through a list to its end and back, and returns what name says of each record, page by page, both ways.
async function pages(list, options, name) {
  const there = [];
  const back = [];
  let page = await list.page(options);
  for (;;) {
    there.push(page.instances.map(name));
    const next = await page.nextPage();
    if (!next) break;
    page = next;
  }
  for (; page; page = await page.previousPage()) back.unshift(page.instances.map(name));
  assert.deepEqual(back, there);
  return there;
}

// receiver is a server that keeps what it is sent, once the library says that it is from the account.
async function receiver(token) {
  const got = [];
  const waiting = [];
  let failures = 1; // the first request is answered 500
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      const parameters = Object.fromEntries(new URLSearchParams(body));
      const signed = twilio.validateRequest(token, request.headers["x-twilio-signature"], `http://${request.headers.host}${request.url}`, parameters);
      response.statusCode = !signed ? 403 : failures-- > 0 ? 500 : 204;
      response.end();
      if (response.statusCode === 204) got.push(parameters);
      while (waiting.length && got.length >= waiting[0].count) waiting.shift().resolve(got.slice());
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/hook?from=gatehouse`,
    received: (count) => (got.length >= count ? got.slice() : new Promise((resolve) => waiting.push({ count, resolve }))),
    close: () => (server.closeAllConnections(), server.close()),
  };
}

module.exports = [
  {
    claim: "a service is created, read, found in the list and changed",
    async check(client, s) {
      const services = client.sync.v1.services;
      s.service = await services.create({ friendlyName: "Plant", aclEnabled: true });
      assert.match(s.service.sid, /^IS[0-9a-f]{32}$/);
      assert.equal(s.service.accountSid, client.accountSid);
      assert.equal(s.service.aclEnabled, true);
      assert.equal(s.service.reachabilityDebouncingWindow, 5000);
      assert.ok(Math.abs(s.service.dateCreated - Date.now()) < 60_000);
      assert.deepEqual(Object.keys(s.service.links).sort(), ["documents", "lists", "maps", "streams"]);
      assert.deepEqual((await s.service.fetch()).toJSON(), s.service.toJSON());
      assert.equal((await services("default").fetch()).uniqueName, "default");
      assert.equal((await services.list()).length, 2);
      const changed = await s.service.update({ friendlyName: "Plant 2", aclEnabled: false, reachabilityDebouncingWindow: 1000 });
      assert.equal(changed.friendlyName, "Plant 2");
      assert.equal(changed.aclEnabled, false);
      assert.equal(changed.reachabilityDebouncingWindow, 1000);
      await refused(400, 20001, s.service.update({ reachabilityDebouncingWindow: 999 }));
      await refused(404, 54050, services(unknown("IS")).fetch());
    },
  },
  {
    claim: "a document is not changed with a stale revision",
    async check(client, s) {
      const documents = of(client, s).documents;
      const made = await documents.create({ uniqueName: "BoardLED", data: { led: true, names: ["é", "🔑"] }, ttl: 3600 });
      assert.match(made.sid, /^ET[0-9a-f]{32}$/);
      assert.equal(made.revision, "0");
      assert.equal(made.createdBy, "system");
      assert.deepEqual(made.data, { led: true, names: ["é", "🔑"] });
      assert.ok(Math.abs(made.dateExpires - Date.now() - 3600_000) < 60_000);
      const changed = await documents("BoardLED").update({ data: { led: false }, ifMatch: "0" });
      assert.equal(changed.revision, "1");
      await refused(412, 54103, documents("BoardLED").update({ data: { led: true }, ifMatch: "0" }));
      await refused(412, 54103, documents("BoardLED").update({ data: { led: true }, ifMatch: made.revision }));
      await refused(400, 54003, documents("BoardLED").update({ data: { led: true }, ifMatch: "latest" }));
      assert.deepEqual((await made.fetch()).data, { led: false });
      assert.equal((await made.update({ ttl: 0 })).dateExpires, null);
      await refused(409, 54301, documents.create({ uniqueName: "BoardLED" }));
      await refused(400, 54302, documents.create({ uniqueName: unknown("ET") }));
      await refused(400, 54011, documents.create({ ttl: -1 }));
      await refused(413, 54006, documents.create({ data: { text: "x".repeat(16 << 10) } }));
      await refused(400, 54008, documents.create({ data: "{" }));
      await refused(404, 54100, documents(unknown("ET")).fetch());
      await refused(404, 54300, documents("nothing").fetch());
      for (let n = 1; n < 6; n++) await documents.create({ uniqueName: `d${n}` });
      assert.deepEqual(await pages(documents, { pageSize: 4 }, (d) => d.uniqueName), [["BoardLED", "d1", "d2", "d3"], ["d4", "d5"]]);
      assert.equal(await documents("d5").remove(), true);
      assert.equal((await documents.list()).length, 5);
    },
  },
  {
    claim: "a list's items are listed by order, from and bounds, page by page",
    async check(client, s) {
      const list = await of(client, s).syncLists.create({ uniqueName: "log", collectionTtl: 3600 });
      assert.match(list.sid, /^ES[0-9a-f]{32}$/);
      const items = of(client, s).syncLists("log").syncListItems;
      for (let n = 0; n < 12; n++) assert.equal((await items.create({ data: { n } })).index, n);
      assert.equal(await items(5).remove(), true);
      const index = (i) => i.index;
      assert.deepEqual((await items.list({ order: "desc", from: "6" })).map(index), [6, 4, 3, 2, 1, 0]);
      assert.deepEqual((await items.list({ from: "9", bounds: "exclusive" })).map(index), [10, 11]);
      assert.deepEqual((await items.list({ from: "5", bounds: "inclusive", limit: 2 })).map(index), [6, 7]);
      assert.deepEqual(await pages(items, { order: "desc", from: "8", bounds: "exclusive", pageSize: 3 }, index), [[7, 6, 4], [3, 2, 1], [0]]);
      const changed = await items(3).update({ data: [3], ifMatch: "0", itemTtl: 60 });
      assert.equal(changed.revision, "1");
      assert.deepEqual(changed.data, [3]);
      assert.equal(changed.listSid, list.sid);
      await refused(412, 54155, items(3).update({ data: 4, ifMatch: "0" }));
      await refused(412, 54155, items(3).remove({ ifMatch: "0" }));
      assert.equal(await items(3).remove({ ifMatch: "1" }), true);
      await refused(404, 54151, items(3).fetch());
      await refused(404, 54150, of(client, s).syncLists(unknown("ES")).fetch());
      await refused(400, 20001, items.list({ order: "up" }));
      assert.equal((await of(client, s).syncLists.list()).length, 1);
      assert.equal(await list.remove(), true);
    },
  },
  {
    claim: "a map's items have keys of any characters",
    async check(client, s) {
      const map = await of(client, s).syncMaps.create({ uniqueName: "rooms" });
      assert.match(map.sid, /^MP[0-9a-f]{32}$/);
      const items = of(client, s).syncMaps("rooms").syncMapItems;
      for (const key of ["attic/1", "ключ 🔑", "50%", "a"]) {
        assert.equal((await items.create({ key, data: { key } })).key, key);
        const found = await items(encodeURIComponent(key)).fetch();
        assert.equal(found.key, key);
        assert.deepEqual(found.data, { key });
      }
      assert.deepEqual((await items.list({ from: "a", bounds: "exclusive" })).map((i) => i.key), ["attic/1", "ключ 🔑"]);
      assert.deepEqual(await pages(items, { pageSize: 3 }, (i) => i.key), [["50%", "a", "attic/1"], ["ключ 🔑"]]);
      await refused(409, 54208, items.create({ key: "a", data: 1 }));
      await refused(400, 54209, items.create({ key: "x".repeat(321), data: 1 }));
      await refused(412, 54205, items("a").update({ data: 1, ifMatch: "7" }));
      assert.equal((await items("a").update({ data: { on: 1 }, ifMatch: "0" })).revision, "1");
      assert.equal(await items("a").remove({ ifMatch: "1" }), true);
      await refused(404, 54201, items("a").fetch());
      await refused(404, 54200, of(client, s).syncMaps(unknown("MP")).fetch());
      assert.equal((await map.update({ collectionTtl: 60 })).uniqueName, "rooms");
    },
  },
  {
    claim: "a stream takes messages",
    async check(client, s) {
      const stream = await of(client, s).syncStreams.create({ uniqueName: "alarms" });
      assert.match(stream.sid, /^TO[0-9a-f]{32}$/);
      const message = await of(client, s).syncStreams("alarms").streamMessages.create({ data: { loud: true } });
      assert.match(message.sid, /^TZ[0-9a-f]{32}$/);
      assert.deepEqual(message.data, { loud: true });
      await refused(413, 54006, of(client, s).syncStreams("alarms").streamMessages.create({ data: { text: "x".repeat(4 << 10) } }));
      await refused(404, 54250, of(client, s).syncStreams(unknown("TO")).fetch());
      assert.equal((await stream.update({ ttl: 60 })).sid, stream.sid);
      assert.equal((await of(client, s).syncStreams.list()).length, 1);
      assert.equal(await stream.remove(), true);
    },
  },
  {
    claim: "permissions are given, changed, listed and taken away",
    async check(client, s) {
      await of(client, s).syncLists.create({ uniqueName: "log" });
      for (const permissions of [
        of(client, s).documents("BoardLED").documentPermissions,
        of(client, s).syncLists("log").syncListPermissions,
        of(client, s).syncMaps("rooms").syncMapPermissions,
      ]) {
        const given = await permissions("lamp").update({ read: true, write: false, manage: false });
        assert.equal(given.identity, "lamp");
        assert.deepEqual([given.read, given.write, given.manage], [true, false, false]);
        assert.equal((await permissions("lamp").update({ read: true, write: true, manage: false })).write, true);
        assert.equal((await permissions("lamp").fetch()).write, true);
        await permissions("pump").update({ read: true, write: true, manage: true });
        assert.deepEqual((await permissions.list()).map((p) => p.identity), ["lamp", "pump"]);
        assert.equal(await permissions("lamp").remove(), true);
        await refused(404, 20404, permissions("lamp").fetch());
      }
    },
  },
  {
    claim: "webhooks are signed as the library verifies, repeated, and in order",
    async check(client, s, env) {
      const hook = await receiver(env.AUTH_TOKEN);
      try {
        await s.service.update({ webhookUrl: hook.url, webhooksFromRestEnabled: true });
        const document = await of(client, s).documents.create({ uniqueName: "hooked", data: { n: 0 } });
        for (let n = 1; n <= 3; n++) await document.update({ data: { n } });
        await document.remove();
        await of(client, s).syncMaps("rooms").syncMapItems.create({ key: "k", data: { a: "ü&+=" } });
        const got = await hook.received(6);
        const about = got.filter((e) => e.DocumentSid === document.sid);
        assert.deepEqual(about.map((e) => e.EventType), ["document_created", "document_updated", "document_updated", "document_updated", "document_removed"]);
        assert.deepEqual(about.slice(0, 4).map((e) => e.DocumentData), ['{"n":0}', '{"n":1}', '{"n":2}', '{"n":3}']);
        assert.deepEqual(about.slice(0, 4).map((e) => e.DocumentRevision), ["0", "1", "2", "3"]);
        const { AccountSid, ServiceSid, Identity, MapUniqueName, ItemKey, ItemData, ItemRevision } = got.find((e) => e.EventType === "map_item_added");
        assert.deepEqual(
          { AccountSid, ServiceSid, Identity, MapUniqueName, ItemKey, ItemData, ItemRevision },
          { AccountSid: client.accountSid, ServiceSid: s.service.sid, Identity: "system", MapUniqueName: "rooms", ItemKey: "k", ItemData: '{"a":"ü&+="}', ItemRevision: "0" },
        );
      } finally {
        hook.close();
      }
    },
  },
  {
    claim: "a service that is deleted takes everything along",
    async check(client, s) {
      assert.equal(await s.service.remove(), true);
      await refused(404, 54050, s.service.fetch());
      await refused(404, 54050, of(client, s).documents("BoardLED").fetch());
    },
  },
];
