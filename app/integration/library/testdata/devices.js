// Device management: preview.deployed_devices.
"use strict";

const { assert, refused, thereAndBack } = require("./expect.js");

const unknown = (prefix) => prefix + "0".repeat(32);
const devices = (client, s) => client.preview.deployed_devices.fleets(s.fleet.sid).devices;
const deployments = (client, s) => client.preview.deployed_devices.fleets(s.fleet.sid).deployments;
const keys = (client, s) => client.preview.deployed_devices.fleets(s.fleet.sid).keys;
const certificates = (client, s) => client.preview.deployed_devices.fleets(s.fleet.sid).certificates;

module.exports = [
  {
    claim: "a fleet is created, read, found in the list and changed",
    async check(client, s) {
      const fleets = client.preview.deployed_devices.fleets;
      s.fleet = await fleets.create({ friendlyName: "Plant" });
      assert.match(s.fleet.sid, /^FL[0-9a-f]{32}$/);
      assert.equal(s.fleet.friendlyName, "Plant");
      assert.equal(s.fleet.accountSid, client.accountSid);
      assert.match(s.fleet.defaultDeploymentSid, /^DL[0-9a-f]{32}$/);
      assert.ok(s.fleet.dateCreated instanceof Date && !isNaN(s.fleet.dateCreated));
      assert.ok(Math.abs(s.fleet.dateCreated - Date.now()) < 60_000);
      assert.deepEqual(Object.keys(s.fleet.links).sort(), ["certificates", "deployments", "devices", "keys"]);
      assert.deepEqual((await fleets(s.fleet.sid).fetch()).toJSON(), s.fleet.toJSON());
      assert.ok((await fleets.list()).some((f) => f.sid === s.fleet.sid));
      assert.equal((await fleets("default").fetch()).uniqueName, "default");
      const changed = await s.fleet.update({ friendlyName: "Plant 2" });
      assert.equal(changed.friendlyName, "Plant 2");
      assert.equal(changed.defaultDeploymentSid, s.fleet.defaultDeploymentSid);
    },
  },
  {
    claim: "a deployment links to a Sync service, and can be a fleet's default",
    async check(client, s) {
      const standard = await deployments(client, s)(s.fleet.defaultDeploymentSid).fetch();
      assert.match(standard.syncServiceSid, /^IS[0-9a-f]{32}$/);
      s.deployment = await deployments(client, s).create({ friendlyName: "Live", syncServiceSid: standard.syncServiceSid });
      assert.equal(s.deployment.syncServiceSid, standard.syncServiceSid);
      assert.equal((await s.deployment.update({ friendlyName: "Test" })).friendlyName, "Test");
      assert.equal((await s.deployment.update({ syncServiceSid: "" })).syncServiceSid, null);
      await s.deployment.update({ syncServiceSid: standard.syncServiceSid });
      assert.equal((await s.fleet.update({ defaultDeploymentSid: s.deployment.sid })).defaultDeploymentSid, s.deployment.sid);
      assert.equal((await deployments(client, s).list()).length, 2);
    },
  },
  {
    claim: "a device is created in the fleet's default deployment, read by SID and by name, and changed",
    async check(client, s) {
      s.device = await devices(client, s).create({ uniqueName: "pump", friendlyName: "Pump", identity: "pump-1", enabled: true });
      assert.match(s.device.sid, /^TH[0-9a-f]{32}$/);
      assert.equal(s.device.deploymentSid, s.deployment.sid);
      assert.equal(s.device.enabled, true);
      assert.equal(s.device.dateAuthenticated, null);
      assert.deepEqual((await devices(client, s)("pump").fetch()).toJSON(), s.device.toJSON());
      const changed = await s.device.update({ enabled: false, friendlyName: "Pump 2", identity: "pump-2", deploymentSid: s.fleet.defaultDeploymentSid });
      assert.equal(changed.enabled, false);
      assert.equal(changed.friendlyName, "Pump 2");
      assert.equal(changed.identity, "pump-2");
      assert.equal(changed.deploymentSid, s.fleet.defaultDeploymentSid);
      assert.equal(changed.uniqueName, "pump");
      assert.equal((await s.device.update({})).friendlyName, "Pump 2");
      await s.device.update({ enabled: true, deploymentSid: s.deployment.sid });
    },
  },
  {
    claim: "a key shows its secret on create only, and changes hands",
    async check(client, s) {
      s.key = await keys(client, s).create({ friendlyName: "Flash", deviceSid: s.device.sid });
      assert.match(s.key.sid, /^KY[0-9a-f]{32}$/);
      assert.match(s.key.secret, /^[0-9A-Za-z]{32}$/);
      assert.equal((await s.key.fetch()).secret, null);
      assert.equal((await s.key.update({ friendlyName: "Spare" })).deviceSid, s.device.sid);
      assert.equal((await s.key.update({ deviceSid: "" })).deviceSid, null);
      assert.equal((await keys(client, s).list({ deviceSid: s.device.sid })).length, 0);
      assert.equal((await s.key.update({ deviceSid: s.device.sid })).deviceSid, s.device.sid);
      assert.deepEqual((await keys(client, s).list({ deviceSid: s.device.sid })).map((k) => k.sid), [s.key.sid]);
    },
  },
  {
    claim: "a certificate is enrolled once, and is never returned",
    async check(client, s, env) {
      s.certificate = await certificates(client, s).create({ certificateData: env.CERTIFICATE, friendlyName: "Board", deviceSid: s.device.sid });
      assert.match(s.certificate.sid, /^CY[0-9a-f]{32}$/);
      assert.equal(s.certificate.thumbprint, env.THUMBPRINT);
      assert.equal(s.certificate.deviceSid, s.device.sid);
      assert.doesNotMatch(JSON.stringify((await s.certificate.fetch()).toJSON()), /BEGIN/);
      await refused(409, 20409, certificates(client, s).create({ certificateData: env.CERTIFICATE }));
      await refused(400, 20001, certificates(client, s).create({ certificateData: "nonsense" }));
      assert.equal((await s.certificate.update({ friendlyName: "Board 2" })).friendlyName, "Board 2");
      assert.equal((await certificates(client, s).list({ deviceSid: s.device.sid })).length, 1);
    },
  },
  {
    claim: "120 devices are paged through by 50 in both directions",
    async check(client, s) {
      const made = [s.device.sid];
      while (made.length < 120) {
        made.push((await devices(client, s).create({ uniqueName: `device ${made.length}` })).sid);
      }
      const { there, back } = await thereAndBack(devices(client, s), { pageSize: 50 });
      assert.deepEqual(there.map((page) => page.length), [50, 50, 20]);
      assert.deepEqual(there.flat(), made);
      assert.deepEqual(back, there);
      assert.deepEqual((await devices(client, s).list()).map((d) => d.sid), made);
      assert.deepEqual((await devices(client, s).list({ limit: 70, pageSize: 50 })).map((d) => d.sid), made.slice(0, 70));
      assert.equal((await devices(client, s).list({ limit: 2000 })).length, 120);
      const page = await devices(client, s).getPage(`${s.fleet.links.devices}?PageSize=7`);
      assert.deepEqual(page.instances.map((d) => d.sid), made.slice(0, 7));
      s.made = made;
    },
  },
  {
    claim: "devices are filtered by deployment, on every page",
    async check(client, s) {
      for (const sid of s.made.slice(10, 13)) {
        await devices(client, s)(sid).update({ deploymentSid: s.fleet.defaultDeploymentSid });
      }
      const { there, back } = await thereAndBack(devices(client, s), { deploymentSid: s.fleet.defaultDeploymentSid, pageSize: 2 });
      assert.deepEqual(there.flat(), s.made.slice(10, 13));
      assert.deepEqual(back, there);
    },
  },
  {
    claim: "what is wrong is refused with the contract's codes",
    async check(client, s) {
      const fleets = client.preview.deployed_devices.fleets;
      await refused(404, 20404, fleets(unknown("FL")).fetch());
      await refused(404, 20404, fleets(unknown("FL")).devices.create({}));
      await refused(404, 20404, devices(client, s)("nothing").fetch());
      await refused(404, 20404, keys(client, s)(unknown("KY")).remove());
      await refused(409, 20409, devices(client, s).create({ uniqueName: "pump" }));
      await refused(400, 20001, devices(client, s).create({ uniqueName: "x".repeat(129) }));
      await refused(400, 20001, devices(client, s).create({ deploymentSid: unknown("DL") }));
      await refused(400, 20001, deployments(client, s).create({ syncServiceSid: unknown("IS") }));
      await refused(400, 20001, keys(client, s).create({ deviceSid: unknown("TH") }));
      await refused(400, 20001, fleets(s.fleet.sid).update({ defaultDeploymentSid: unknown("DL") }));
      await refused(400, 20001, devices(client, s).list({ deploymentSid: unknown("DL") }));
      const stranger = require("twilio")(client.accountSid, "0".repeat(32), { httpClient: client.httpClient });
      await refused(401, 20003, stranger.preview.deployed_devices.fleets.list());
    },
  },
  {
    claim: "a deployment that is deleted leaves its devices undeployed",
    async check(client, s) {
      assert.equal(await s.deployment.remove(), true);
      assert.equal((await s.device.fetch()).deploymentSid, null);
      await refused(404, 20404, s.deployment.fetch());
    },
  },
  {
    claim: "a device that is deleted takes its credentials along",
    async check(client, s) {
      assert.equal(await s.device.remove(), true);
      await refused(404, 20404, s.device.fetch());
      await refused(404, 20404, s.key.fetch());
      await refused(404, 20404, s.certificate.fetch());
    },
  },
  {
    claim: "a fleet that is deleted takes everything along",
    async check(client, s) {
      assert.equal(await s.fleet.remove(), true);
      await refused(404, 20404, s.fleet.fetch());
      await refused(404, 20404, devices(client, s)(s.made[1]).fetch());
      await refused(404, 20404, devices(client, s).list());
    },
  },
];
