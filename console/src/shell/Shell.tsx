// What is around every page: the bar at the top, the menu at the side, the messages at the corner.
import { Suspense, useEffect, useRef, useState } from "react";
import { NavLink, Outlet, useLocation } from "react-router";
import {
	ChartLineIcon,
	ClearFormattingIcon,
	FileIcon,
	InternetIcon,
	SettingIcon,
	UserCircleIcon,
	ViewListIcon,
} from "tdesign-icons-react";
import { useFreshness, useStatus, useStreamState } from "../api/queries";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { sessionTexts } from "../i18n/session";
import { shellTexts } from "../i18n/shell";
import { Alert } from "../parts/Alert";
import { ErrorBoundary } from "../parts/ErrorBoundary";
import { Loading } from "../parts/Loading";
import { Menu } from "../parts/Menu";
import { Messages } from "../parts/Messages";
import { StateDot } from "../parts/StateDot";
import { useSession } from "../session/session";
import { LanguageSwitch, ThemeSwitch } from "./Preferences";

const SECTIONS = [
	{
		title: "delivery",
		items: [
			{ to: "/domains", text: "domains", Icon: InternetIcon },
			{ to: "/purge", text: "purge", Icon: ClearFormattingIcon },
		],
	},
	{
		title: "observe",
		items: [
			{ to: "/monitoring", text: "monitoring", Icon: ChartLineIcon },
			{ to: "/logs", text: "logs", Icon: FileIcon },
		],
	},
	{ title: "system", items: [{ to: "/settings", text: "settings", Icon: SettingIcon }] },
] as const;

function LiveMark() {
	const t = useText(shellTexts);
	const state = useStreamState();
	const isLost = state === "lost";
	return (
		<span className="hw-live" role="status" title={t(isLost ? "lostHint" : "liveHint")}>
			<StateDot tone={isLost ? "warn" : state === "live" ? "good" : "idle"}>{t(isLost ? "lost" : "live")}</StateDot>
		</span>
	);
}

function AccountMenu() {
	const t = useText(shellTexts);
	const c = useText(common);
	const s = useText(sessionTexts);
	const session = useSession();
	return (
		<Menu
			label={t("account", { account: session.account })}
			className="hw-icon-button hw-icon-button--wide hw-account"
			head={
				<>
					<strong>{session.account}</strong>
					<span className="hw-quiet">{c(`role_${session.role}`)}</span>
				</>
			}
			items={[{ key: "out", label: s("signOut"), onSelect: () => void session.signOut() }]}
		>
			<UserCircleIcon aria-hidden="true" />
			<span>{session.account}</span>
		</Menu>
	);
}

export function Shell() {
	const t = useText(shellTexts);
	const { pathname } = useLocation();
	const [isMenuOpen, setIsMenuOpen] = useState(false);
	const main = useRef<HTMLElement>(null);
	const status = useStatus();
	useFreshness();

	// biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the menu
	useEffect(() => setIsMenuOpen(false), [pathname]);

	return (
		<div className={`hw-shell${isMenuOpen ? " hw-shell--open" : ""}`}>
			<button type="button" className="hw-skip" onClick={() => main.current?.focus()}>
				{t("skip")}
			</button>
			<header className="hw-top">
				<button
					type="button"
					className="hw-icon-button hw-top__menu"
					aria-label={t(isMenuOpen ? "closeMenu" : "openMenu")}
					aria-expanded={isMenuOpen}
					aria-controls="side"
					onClick={() => setIsMenuOpen(!isMenuOpen)}
				>
					<ViewListIcon />
				</button>
				<NavLink to="/domains" className="hw-brand">
					<img src="/favicon.svg" alt="" width="26" height="26" />
					<span>Headwater</span>
				</NavLink>
				<span className="hw-top__space" />
				<LiveMark />
				<LanguageSwitch />
				<ThemeSwitch />
				<AccountMenu />
			</header>
			<nav className="hw-side" id="side" aria-label={t("navigation")}>
				{SECTIONS.map((section) => (
					<div key={section.title} className="hw-side__section">
						<p className="hw-side__title" id={`side-${section.title}`}>
							{t(section.title)}
						</p>
						<ul aria-labelledby={`side-${section.title}`}>
							{section.items.map(({ to, text, Icon }) => (
								<li key={to}>
									<NavLink to={to} className="hw-side__link">
										<Icon aria-hidden="true" />
										<span>{t(text)}</span>
									</NavLink>
								</li>
							))}
						</ul>
					</div>
				))}
				{status.data && <p className="hw-side__version">Headwater {status.data.version}</p>}
			</nav>
			{isMenuOpen && <div className="hw-side__veil" onClick={() => setIsMenuOpen(false)} aria-hidden="true" />}
			<main className="hw-main" id="main" ref={main} tabIndex={-1}>
				{status.data?.store.works === false && (
					<Alert tone="error">{t("storeBroken", { why: status.data.store.error ?? "" })}</Alert>
				)}
				<ErrorBoundary on={pathname}>
					<Suspense fallback={<Loading rows={6} height={24} />}>
						<Outlet />
					</Suspense>
				</ErrorBoundary>
			</main>
			<Messages />
		</div>
	);
}
