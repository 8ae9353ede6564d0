import { describe, expect, test } from "vitest";
import { chainFault, expiryTone, keyFault, split } from "./pem";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
const KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----";

describe("a text in PEM", () => {
	test("has a certificate, or is said to have none", () => {
		expect(chainFault(CERTIFICATE)).toBeUndefined();
		expect(chainFault(KEY)?.fault).toBe("faultPem");
		expect(chainFault(CERTIFICATE + "x".repeat(65536))?.fault).toBe("faultLarge");
	});
	test("has a key without a passphrase", () => {
		expect(keyFault(KEY)).toBeUndefined();
		expect(keyFault(KEY.replaceAll("EC ", ""))).toBeUndefined();
		expect(keyFault(KEY.replaceAll("EC ", "ENCRYPTED "))?.fault).toBe("faultKeyLocked");
		expect(keyFault(KEY.replace("MHcC", "Proc-Type: 4,ENCRYPTED\nMHcC"))?.fault).toBe("faultKeyLocked");
		expect(keyFault(CERTIFICATE)?.fault).toBe("faultKeyPem");
		expect(keyFault(KEY + "x".repeat(16384))?.fault).toBe("faultLarge");
	});
	test("with both comes apart", () => {
		expect(split(`${KEY}\n${CERTIFICATE}\n${CERTIFICATE}`)).toEqual({
			chain: `${CERTIFICATE}\n${CERTIFICATE}\n`,
			key: `${KEY}\n`,
		});
		expect(split(`# a note\n${CERTIFICATE}`)).toEqual({ chain: `# a note\n${CERTIFICATE}`, key: "" });
	});
	test("the days that are left have a colour", () => {
		expect([90, 30, 29, 7, 6, 0, -3].map(expiryTone)).toEqual(["good", "good", "warn", "warn", "bad", "bad", "bad"]);
	});
});
