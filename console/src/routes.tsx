// Which page is at which address. Each page is loaded when it is first opened: a default export of a module.
import { type ComponentType, lazy } from "react";
import { createBrowserRouter, Navigate } from "react-router";
import { SessionGate } from "./session/session";
import { Shell } from "./shell/Shell";

function page(load: () => Promise<{ default: ComponentType }>) {
	const Page = lazy(load);
	return <Page />;
}

const notFound = page(() => import("./shell/NotFound"));

export const router = createBrowserRouter([
	{
		element: (
			<SessionGate>
				<Shell />
			</SessionGate>
		),
		children: [
			{ index: true, element: <Navigate to="/domains" replace /> },
			{ path: "domains", element: page(() => import("./pages/domains/DomainsPage")) },
			{ path: "new-domain", element: page(() => import("./pages/domains/NewDomainPage")) },
			{
				path: "domains/:name",
				element: page(() => import("./pages/domains/ManagePage")),
				children: [
					{ index: true, element: <Navigate to="basic" replace /> },
					{ path: "basic", element: page(() => import("./pages/origin/BasicPage")) },
					{ path: "acceleration", element: page(() => import("./pages/rules/RulesPage")) },
					{ path: "health", element: page(() => import("./pages/health/HealthPage")) },
					{ path: "monitoring", element: page(() => import("./pages/monitoring/DomainMonitoringPage")) },
					{ path: "logs", element: page(() => import("./pages/logs/DomainLogsPage")) },
					{ path: "history", element: page(() => import("./pages/domains/HistoryPage")) },
					{ path: "*", element: notFound },
				],
			},
			{ path: "monitoring", element: page(() => import("./pages/monitoring/MonitoringPage")) },
			{ path: "purge", element: page(() => import("./pages/purge/PurgePage")) },
			{ path: "logs", element: page(() => import("./pages/logs/LogsPage")) },
			{ path: "settings/*", element: page(() => import("./pages/settings/SettingsPage")) },
			{ path: "*", element: notFound },
		],
	},
]);
