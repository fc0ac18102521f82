"""The functions of REAPER's ReaScript that the scripts may call, and how many arguments Lua gives each: least and most.

From REAPER's own documentation of ReaScript (reaper.fm/sdk/reascript).
"""

_TABLE = """
AddMediaItemToTrack 1 1
AddTakeToMediaItem 1 1
ColorFromNative 1 1
ColorToNative 3 3
CountMediaItems 1 1
CountSelectedMediaItems 1 1
CountTakeEnvelopes 1 1
CountTrackMediaItems 1 1
CountTracks 1 1
CreateTrackAudioAccessor 1 1
DestroyAudioAccessor 1 1
EnumProjExtState 3 3
EnumProjects 1 1
Envelope_Evaluate 4 4
GetActiveTake 1 1
GetAudioAccessorSamples 6 6
GetAudioDeviceInfo 1 1
GetDisplayedMediaItemColor 1 1
GetEnvelopeScalingMode 1 1
GetExtState 2 2
GetMediaItem 2 2
GetMediaItemInfo_Value 2 2
GetMediaItemTakeInfo_Value 2 2
GetMediaItemTake_Source 1 1
GetMediaItem_Track 1 1
GetMediaSourceFileName 1 2
GetMediaSourceLength 1 1
GetMediaSourceNumChannels 1 1
GetMediaSourceParent 1 1
GetMediaSourceSampleRate 1 1
GetMediaTrackInfo_Value 2 2
GetProjectPathEx 1 1
GetResourcePath 0 0
GetSelectedMediaItem 2 2
GetSetEnvelopeInfo_String 4 4
GetSetMediaItemInfo_String 4 4
GetSetMediaItemTakeInfo_String 4 4
GetSetMediaTrackInfo_String 4 4
GetSetProjectInfo 4 4
GetTakeEnvelope 2 2
GetTakeEnvelopeByName 2 2
GetTakeName 1 1
GetTakeNumStretchMarkers 1 1
GetTrack 2 2
GetTrackColor 1 1
GetTrackEnvelopeByName 2 2
GetTrackMediaItem 2 2
GetUserInputs 4 4
HasExtState 2 2
InsertTrackAtIndex 2 2
MB 3 3
MarkProjectDirty 1 1
PCM_Source_BuildPeaks 2 2
PCM_Source_CreateFromFile 1 1
PreventUIRefresh 1 1
RecursiveCreateDirectory 2 2
ScaleFromEnvelopeMode 2 2
SetExtState 4 4
SetMediaItemInfo_Value 3 3
SetMediaItemTakeInfo_Value 3 3
SetMediaItemTake_Source 2 2
SetMediaTrackInfo_Value 3 3
SetProjExtState 4 4
TakeFX_GetCount 1 1
TakeIsMIDI 1 1
TrackList_AdjustWindows 1 1
Undo_BeginBlock2 1 1
Undo_DoUndo2 1 1
Undo_EndBlock2 3 3
UpdateArrange 0 0
ValidatePtr2 3 3
defer 1 1
genGuid 0 1
get_action_context 0 0
new_array 1 3
time_precise 0 0
"""

FUNCTIONS = {name: (int(least), int(most)) for name, least, most in (line.split() for line in _TABLE.split("\n") if line)}
GFX = ("drawstr", "getchar", "init", "measurestr", "quit", "rect", "set", "setfont", "update")
